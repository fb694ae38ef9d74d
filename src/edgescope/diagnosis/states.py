"""Finding node states among what modules are given and what they return."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

MATRIX = 2
"""Dimensions of node states ``[V, F]``."""


def block_of(path: str, modules: Mapping[str, nn.Module]) -> str:
    """Return the path of the block of layers that an attention layer belongs to.

    That is the numbered element of the innermost list of modules on the way to it, such as
    ``layers.3`` for ``layers.3.conv``, whose output is what enters the next block; or the layer
    itself, if it is in no list.
    """
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        parent = modules.get(".".join(parts[: end - 1]))
        if isinstance(parent, nn.ModuleList | nn.Sequential) and parts[end - 1].isdigit():
            return ".".join(parts[:end])
    return path


def first_states(value: Any) -> Tensor | None:  # noqa: ANN401  (what any module returns)
    """Return the first matrix of real numbers in ``value``, a tensor or a tuple; or ``None``."""
    for each in value if isinstance(value, tuple | list) else (value,):
        if isinstance(each, Tensor) and each.is_floating_point() and each.dim() == MATRIX:
            return each
    return None


def node_states(value: Any, target_row: int = 1) -> tuple[Tensor | None, Tensor | None]:  # noqa: ANN401  (any argument)
    """Return the states of sources and of targets in a layer's first argument.

    PyG's layers take one tensor for both, or a pair of which the second may be ``None``. With the
    flow reversed it depends on the layer which of a pair is whose, so neither is known then.
    """
    if isinstance(value, tuple) and len(value) == 2:  # noqa: PLR2004  (sources and targets)
        source, target = (first_states(each) for each in value)
        return (source, target) if target_row == 1 or source is target else (None, None)
    states = first_states(value)
    return states, states
