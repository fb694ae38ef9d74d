"""The attribution methods by name."""

from collections.abc import Callable
from dataclasses import dataclass

from edgescope.attribute.attention_weights import AttentionRollout, AttentionWeight
from edgescope.attribute.gnn_explainer import EPOCHS, GNNExplainerMask
from edgescope.attribute.gradients import STEPS, GradientTimesInput, IntegratedGradients
from edgescope.attribute.massive_explainer import MassiveActivationExplainer
from edgescope.attribute.method import Method
from edgescope.attribute.occlusion import Occlusion
from edgescope.attribute.outputs import Target
from edgescope.attribute.structure import Degree, EdgeTypeFrequency, Random
from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.task_metrics import Task


@dataclass(frozen=True)
class Settings:
    """What methods made by name are made with.

    Attributes:
        target: which output is explained: a column, or ``"predicted"``.
        task: what the outputs are.
        steps: steps of integrated gradients.
        epochs: epochs of GNNExplainer.
        seed: seed of the methods that draw.

    Example:
        >>> import edgescope as es
        >>> es.attribute.make("integrated_gradients", es.attribute.Settings(steps=8)).steps
        8
    """

    target: Target = 0
    task: Task = "regression"
    steps: int = STEPS
    epochs: int = EPOCHS
    seed: int = 0


METHODS: dict[str, Callable[[Settings], Method]] = {
    "massive": lambda _: MassiveActivationExplainer(),
    "massive_reversed": lambda _: MassiveActivationExplainer(reverse=True),
    "attention": lambda _: AttentionWeight(),
    "rollout": lambda _: AttentionRollout(),
    "gradient_x_input": lambda settings: GradientTimesInput(settings.target),
    "integrated_gradients": lambda settings: IntegratedGradients(
        settings.target, steps=settings.steps
    ),
    "occlusion": lambda settings: Occlusion(settings.target),
    "occlusion_features": lambda settings: Occlusion(settings.target, of="features"),
    "gnnexplainer": lambda settings: GNNExplainerMask(
        settings.target, task=settings.task, epochs=settings.epochs, seed=settings.seed
    ),
    "random": lambda settings: Random(settings.seed),
    "degree": lambda _: Degree(),
    "edge_type_frequency": lambda _: EdgeTypeFrequency(),
}
"""Name of every method to what makes it.

Example:
    >>> from edgescope.attribute import METHODS
    >>> "massive" in METHODS, "occlusion" in METHODS
    (True, True)
"""


def make(name: str, settings: Settings | None = None) -> Method:
    """Return a method by its name.

    Args:
        name: one of :data:`METHODS`.
        settings: what it is made with; the defaults of :class:`Settings`.

    Raises:
        InputError: if there is no such method.

    Example:
        >>> import edgescope as es
        >>> type(es.attribute.make("occlusion")).__name__
        'Occlusion'
    """
    if name not in METHODS:
        hint = did_you_mean(name, METHODS, f"expected one of {', '.join(METHODS)}")
        raise InputError(f"unknown method {name!r}, {hint}")
    return METHODS[name](settings or Settings())
