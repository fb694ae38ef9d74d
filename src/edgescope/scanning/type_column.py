"""Which of a batch's tensors is taken for the type of its edges, and how certain that is."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.graph_input import edge_types
from edgescope.lib.model_arguments import attribute
from edgescope.lib.model_call import BY_CALL

NAMES = (
    "if these are types, name them in order of their value with edge_type_names=[...]; if not, "
    "pass edge_type_names=() to count all edges alike"
)
COLUMN = "or say which argument of the model holds the types with inputs={'edge_type': ...}"
"""What to do about types that are not certain, in a scan and elsewhere."""

FEW = 4
"""Up to so many different values are taken for types even if there are as few edges: single,
double, triple and aromatic bonds."""

MANY = 16
"""More different values than this in ``edge_attr`` are more than any vocabulary of bonds has, and
are as likely to be a measure such as a time or a length."""


class TypeColumn(NamedTuple):
    """What a batch says of the types of its edges.

    Attributes:
        values: a number for every edge ``[E]``, int64; ``None`` if nothing is taken for a type.
        source: what they were read from, such as ``"edge_attr"``.
        doubt: what is not certain about that, as a sentence; empty if nothing.
        certain: whether the tensor's name says that it holds types.
    """

    values: Tensor | None
    source: str
    doubt: str = ""
    certain: bool = False


def type_column(
    batch: Any,  # noqa: ANN401  (any PyG batch)
    inputs: Mapping[str, str],
    passed: Sequence[str] = (),
) -> TypeColumn | None:
    """Return what is taken for the types of the edges of a plain graph, if it has edges.

    An argument that is called ``edge_type`` holds them. Without one they are integers in
    ``edge_attr``: one per edge, or the first of several, as in the molecules of the Open Graph
    Benchmark, which is doubtful unless somebody names the types. Real numbers are no types.

    Args:
        batch: the batch.
        inputs: what the model calls ``edge_index``, ``edge_type`` and ``edge_attr``.
        passed: names of what the model is given of the batch; empty if it is given all of it, or
            ``BY_CALL`` alone if that is not known.
    """
    edge_index = attribute(batch, inputs.get("edge_index", "edge_index"))
    if not isinstance(edge_index, Tensor):
        return None
    size = edge_index.size(1)
    called = {name: inputs.get(name, name) for name in ("edge_type", "edge_attr")}
    unknown = not passed or BY_CALL in passed
    for name, read in (("edge_type", _named), ("edge_attr", _unnamed)):
        given = attribute(batch, called[name])
        if isinstance(given, Tensor) and (unknown or called[name] in passed):
            return read(given, called[name], size)
    return TypeColumn(None, "")


def measure_doubt(column: TypeColumn, kinds: int, edges: int) -> str:
    """Return why the values of a column look like a measure; empty if they look like types.

    Args:
        column: where they are from.
        kinds: how many different values there are.
        edges: on how many edges.
    """
    if column.certain or kinds <= FEW or (kinds <= MANY and 2 * kinds <= edges):
        return ""
    return (
        f"{column.source} holds {kinds} different integers on {edges:,} edges, each of which was "
        "taken for a type of edge"
    )


def _named(given: Tensor, name: str, size: int) -> TypeColumn:
    """Read what is called the type."""
    values = edge_types(given, size, flags=True)
    if values is None:
        doubt = (
            f"{name} holds {_shape(given)} for {size} edges, expected an integer for each, so no "
            "types were taken from it; give it integers, or pass edge_type_names=() to count all "
            "edges alike"
        )
        return TypeColumn(None, name, doubt)
    return _first(values, given, name, certain=True)


def _unnamed(given: Tensor, name: str, size: int) -> TypeColumn:
    """Read features of edges, which may be types."""
    if given.dtype == torch.bool and given.dim() and given.size(0) == size:
        doubt = (
            f"{name} holds truth values, which were not taken for types of edges; if they are, "
            f"say so with inputs={{'edge_type': {name!r}}}; if not, pass edge_type_names=()"
        )
        return TypeColumn(None, name, doubt)
    values = edge_types(given, size)
    return TypeColumn(None, name) if values is None else _first(values, given, name)


def _first(values: Tensor, given: Tensor, name: str, *, certain: bool = False) -> TypeColumn:
    columns = given.shape[1:].numel()
    if columns == 1:
        return TypeColumn(values, name, certain=certain)
    source = f"column 0 of {columns} of {name}"
    return TypeColumn(values, source, f"{source} was taken for the type of an edge", certain)


def _shape(given: Tensor) -> str:
    return f"{list(given.shape)} of {str(given.dtype).removeprefix('torch.')}"
