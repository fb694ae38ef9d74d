"""Pieces of which tensors are put together: tokens beside nodes, heads along the batch."""

from collections.abc import Sequence

from torch import nn

from edgescope.capturing.discovery.dimensions import Dim
from edgescope.capturing.discovery.steps import Value

_FORMS = frozenset(
    {
        *("expand", "view", "_unsafe_view", "unsqueeze", "squeeze", "repeat", "clone", "detach"),
        *("index_select", "select", "slice", "embedding", "_to_copy", "alias", "add", "mul"),
        *("t", "transpose", "permute"),
    }
)
"""Operations that make a token for every graph of a parameter."""


def is_learned(value: Value) -> bool:
    """Return whether a value is a parameter in some form, such as a token for every graph."""
    while value.step is not None:
        first = next(value.step.inputs(), None)
        if first is None or value.step.name not in _FORMS:
            return False
        value = first
    return isinstance(value.tensor, nn.Parameter)


def is_divided(parts: Sequence[Value]) -> bool:
    """Return whether values are the parts of one that was divided, each once."""
    steps = {None if part.step is None else part.step.number for part in parts}
    return len(steps) == 1 and None not in steps and len({part.slot for part in parts}) > 1


def divided_dim(part: Value) -> Dim:
    """Return the atoms of the dimension along which a value was divided into parts."""
    step = part.step
    assert step is not None
    whole = next(step.inputs())
    position = 1 if step.name == "unbind" else 2  # of the argument, behind the tensor and the sizes
    given = step.args[position] if len(step.args) > position else step.kwargs.get("dim", 0)
    return whole.dims[given] if whole.dims else ()
