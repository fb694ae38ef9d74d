"""The attribution methods by name, and their importances over a data set."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.attribute.attention_weights import AttentionRollout, AttentionWeight
from edgescope.attribute.gnn_explainer import EPOCHS, GNNExplainerMask
from edgescope.attribute.gradients import STEPS, GradientTimesInput, IntegratedGradients
from edgescope.attribute.massive_explainer import MassiveActivationExplainer
from edgescope.attribute.method import CountingCall, Importance, Method
from edgescope.attribute.occlusion import Occlusion
from edgescope.attribute.outputs import Target, target_of
from edgescope.attribute.structure import Degree, EdgeTypeFrequency, Random
from edgescope.data.dataset_check import check_dataset
from edgescope.data.edges.directions import Merge, batched_edges, merge_directions
from edgescope.data.graphs import GraphDataset
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.graph_names import GraphNames
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.lib.progress import track
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


def importances(
    model: nn.Module,
    dataset: GraphDataset,
    methods: Sequence[str | Method] | str | Method | None = None,
    *,
    batch_size: int = 64,
    merge: Merge = "mean",
    target: Target | None = None,
    call: Call = call_model,
    progress: bool = True,
) -> dict[str, Importance]:
    """Measure how important every edge of a data set is, by several methods.

    Args:
        model: the model, left as it was.
        dataset: the graphs.
        methods: names from :data:`edgescope.attribute.METHODS` or methods made by yourself; by
            default all of the table.
        batch_size: how many graphs are explained at once.
        merge: how the importances of the two directions of an edge become one, see
            :func:`edgescope.data.edges.directions.merge_directions`.
        target: which output is explained by methods given by name: a column, or ``"predicted"``
            for the class predicted. By default the latter if the data set's task is
            ``"classes"``, else the first column: a value, or the logit of a label.
        call: how to call the model on a batch, as in :func:`edgescope.scan`.
        progress: whether to show a progress bar.

    Returns:
        The importances by the method's name, in the order given.

    Raises:
        InputError: if a method is unknown, or cannot explain this model; if two have one name;
            or if an importance is not a finite number.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.attribute.importances(model, graphs, ["massive", "occlusion"])
        >>> found["massive"].edge.shape == graphs.edge_attr.shape
        True
    """
    model = eager_twin(model)
    check_dataset(dataset)
    if batch_size < 1:
        raise InputError(f"received batch_size={batch_size}, expected at least 1")
    chosen = target_of(dataset.task) if target is None else target
    settings = Settings(target=chosen, task=dataset.task or "regression")
    wanted = list(METHODS) if methods is None else methods
    wanted = [wanted] if isinstance(wanted, str | Method) else list(wanted)
    made = [each if isinstance(each, Method) else make(each, settings) for each in wanted]
    names = [method.name for method in made]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"received several methods named {twice[0]}; set name= of each")
    starts = range(0, len(dataset), batch_size)
    steps = [(method, start) for method in made for start in starts]
    bar = iter(track(steps, f"explaining {type(model).__name__}", len(steps), progress))
    found = {}
    for method in made:
        noted = NotedCall(call)
        counting = CountingCall(noted)
        started = time.perf_counter()
        method.prepare(model, dataset, call=counting)
        parts = []
        for _ in starts:
            start = next(bar)[1]
            batch = dataset.batch(slice(start, start + batch_size))
            parts.append(_checked(method, model, batch, counting))
        seconds = time.perf_counter() - started
        edge = torch.cat(parts) if parts else torch.zeros(0)
        merged = merge_directions(edge, batched_edges(dataset), merge)
        graphs = max(len(dataset), 1)
        passes = counting.forward / graphs, counting.backward / graphs
        found[method.name] = Importance(method.name, merged, *passes, seconds, noted.arguments)
    for _ in bar:  # lets the bar end
        pass
    return found


def _checked(method: Method, model: nn.Module, batch: Any, call: Call) -> Tensor:  # noqa: ANN401
    """Return a method's importances ``[E]`` on the CPU in float32."""
    edge = method.attribute(model, batch, call=call).to("cpu", torch.float32)
    if edge.shape != batch.edge_index.shape[1:]:
        raise InputError(
            f"{method.name} returned importances of shape {list(edge.shape)} for "
            f"{batch.edge_index.size(1)} edges, expected one per directed edge"
        )
    wrong = (~edge.isfinite()).nonzero()
    if len(wrong):
        position = int(wrong[0])
        source, target = batch.edge_index[:, position]
        graph = int(batch.batch[source])
        first, numbers = int(batch.ptr[graph]), batch.graph.tolist()
        raise InputError(
            f"{method.name} gave {float(edge[position])} to the edge from node "
            f"{int(source) - first} to {int(target) - first} of "
            f"{GraphNames.of_batch(batch, numbers).called(numbers[graph])}; "
            "check the model's output on this graph for numbers that are not finite"
        )
    return edge
