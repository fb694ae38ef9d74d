"""Which parameters of a model decay in training, as groups of an optimiser."""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from edgescope.lib.errors import InputError, did_you_mean
from edgescope.models.architectures import build, without_memory
from edgescope.train.recipe_file import Recipe

if TYPE_CHECKING:
    from edgescope.data import Splits


def decay_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Return the parameters of a model that decay, and the others, as groups of an optimiser.

    Args:
        model: the model.
        recipe: its ``weight_decay`` and ``decayed``; names are those of the model's parameters.

    Returns:
        One or two groups; a group without parameters is left out.

    Raises:
        InputError: if a pattern matches no parameter.

    Example:
        >>> import edgescope as es
        >>> from edgescope.train.decay_groups import decay_groups
        >>> sizes = {"num_layers": 1, "hidden_dim": 8, "num_heads": 2}
        >>> model = es.models.SAN(num_atom_types=5, num_bond_types=4, **sizes)
        >>> decay = {"weight_decay": 0.1, "decayed": ["*.attention.key.*"]}
        >>> groups = decay_groups(model, es.train.recipe("demo", **decay))
        >>> [(len(group["params"]), group["weight_decay"]) for group in groups]
        [(1, 0.1), (21, 0.0)]
    """
    patterns = ["*"] if recipe.decayed is None else recipe.decayed
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            hint = did_you_mean(pattern, names, f"its names are such as {', '.join(names[:4])}")
            raise InputError(
                f"decayed={pattern!r} matches no parameter of {type(model).__name__}, {hint}"
            )
    kinds: dict[float, list[Tensor]] = {recipe.weight_decay: [], 0.0: []}
    for name, parameter in model.named_parameters():
        chosen = any(fnmatchcase(name, pattern) for pattern in patterns)
        kinds[recipe.weight_decay if chosen else 0.0].append(parameter)
    return [{"params": held, "weight_decay": decay} for decay, held in kinds.items() if held]


def check_decay(splits: "Splits", recipe: Recipe) -> None:
    """Refuse patterns that match no parameter of the model that is trained on these data.

    Raises:
        InputError: if there is one.
    """
    if recipe.decayed is not None:
        sizes = {**splits.train.model_sizes, **recipe.model.arguments()}
        with without_memory():
            decay_groups(build(recipe.model.architecture, **sizes), recipe)
