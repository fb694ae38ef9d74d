"""Operations that gather or scatter rows by an index."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.discovery.steps import KEEPS, Step, Value
from edgescope.capturing.discovery.trace import Trace

GATHERS = frozenset({"index", "_unsafe_index", "index_select", "gather", "embedding"})
"""Operations that take rows of a tensor by an index."""

SCATTERS = frozenset(
    {
        *("scatter_add", "index_add", "scatter_reduce", "index_put", "_index_put_impl"),
        *("index_reduce", "segment_reduce"),
    }
)
"""Operations that combine rows of a tensor by an index."""


class Indexed(NamedTuple):
    """An operation that gathers or scatters rows by an index."""

    step: Step
    rows: Value
    """What is gathered from, or what is scattered."""
    by: Value
    """The index."""
    dim: int
    """The dimension of the index that goes with the rows."""


def gathered(step: Step) -> Indexed | None:
    """Return what an operation gathers by one index of whole numbers."""
    args = step.args
    if step.name in {"index", "_unsafe_index"}:
        there = [each for each in args[1] if isinstance(each, Value)]
        if len(there) != 1 or _is_mask(there[0]):
            return None
        return Indexed(step, args[0], there[0], there[0].tensor.dim() - 1)
    if step.name == "embedding":
        return Indexed(step, args[0], args[1], args[1].tensor.dim() - 1)
    if step.name not in {"index_select", "gather"}:
        return None
    at = args[1] % max(args[0].tensor.dim(), 1)
    return Indexed(step, args[0], args[2], at if step.name == "gather" else 0)


def scattered(step: Step) -> Indexed | None:
    """Return what an operation sums, or combines otherwise, by an index."""
    args = step.args
    if step.name not in SCATTERS or step.name == "segment_reduce":
        return None
    if step.name in {"index_put", "_index_put_impl"}:
        there = [each for each in args[1] if isinstance(each, Value)]
        adds = len(args) > 3 and args[3] is True  # noqa: PLR2004  (the fourth is accumulate)
        if len(there) != 1 or _is_mask(there[0]) or not adds or not isinstance(args[2], Value):
            return None
        return Indexed(step, args[2], there[0], 0)
    source = args[3] if len(args) > 3 else step.kwargs.get("src")  # noqa: PLR2004
    if not isinstance(source, Value) or not isinstance(args[2], Value):
        return None
    at = args[1] % max(args[0].tensor.dim(), 1)
    return Indexed(step, source, args[2], 0 if step.name.startswith("index") else at)


def is_by_rows(found: Indexed) -> bool:
    """Return whether an index has one number per row, which it may repeat over other dimensions."""
    index, at = found.by.now, found.dim
    for n in range(index.dim()):
        spread = n == at or index.size(n) <= 1 or not index.stride(n) or not index.numel()
        if not (spread or bool((index == index.select(n, 0).unsqueeze(n)).all())):
            return False
    return True


def segmented(trace: Trace) -> Iterator[Indexed]:
    """Give what is summed, or combined otherwise, over rows that stand next to each other."""
    for step in trace.steps:
        if step.name != "segment_reduce":
            continue
        borders = [step.kwargs.get(name) for name in ("lengths", "offsets")]
        axis = step.kwargs.get("axis", 0)
        given = [each for each in borders if isinstance(each, Value)]
        if len(given) == 1 and given[0].tensor.dim() == 1 and not axis:
            yield Indexed(step, step.args[0], given[0], 0)


def segments_of(found: Indexed) -> Tensor:
    """Return the segment of each row, from the lengths or the borders of the segments."""
    borders = found.by.now
    given = isinstance(found.step.kwargs.get("lengths"), Value)
    lengths = borders if given else borders.diff()
    return torch.arange(lengths.numel(), device=lengths.device).repeat_interleave(lengths)


def is_continued(found: Indexed) -> bool:
    """Return whether a sum goes on with an earlier one, as one over edges in pieces does."""
    into = found.step.args[0]
    while isinstance(into, Value) and into.step is not None:
        if into.step.name in SCATTERS:
            return scattered(into.step) is not None
        if into.step.name not in KEEPS:
            return False
        into = next(into.step.inputs())
    return False


def is_sum(step: Step) -> bool:
    """Return whether a scatter sums."""
    return _how(step) in {"sum", "add"}


def is_average(step: Step) -> bool:
    """Return whether a scatter takes the mean."""
    return _how(step) == "mean"


def _how(step: Step) -> str:
    """Return how a scatter combines rows."""
    if step.name not in {"scatter_reduce", "index_reduce", "segment_reduce"}:
        return "sum"
    how = [each for each in (*step.args, *step.kwargs.values()) if isinstance(each, str)]
    return how[0] if how else ""


def origin(index: Value) -> tuple[int, tuple[object, ...]]:
    """Return what an index is a form or part of, and which part."""
    way: list[object] = []
    while index.step is not None and index.was is None:
        step = index.step
        if step.name in {"select", "unbind"}:
            dim = step.args[1] if len(step.args) > 1 else 0
            way.append((dim, step.args[2] if step.name == "select" else index.slot))
        elif step.name in {"slice", "split", "chunk", "split_with_sizes"}:
            way.append((step.args[1:], index.slot))
        elif step.name not in KEEPS:
            break
        index = next(step.inputs())
    return index.number, tuple(way)


def is_order(index: Value) -> bool:
    """Return whether an index is an order of rows that was computed."""
    while index.step is not None and index.step.name in KEEPS:
        index = next(index.step.inputs())
    return index.step is not None and index.step.name in {"sort", "argsort", "randperm"}


def has_same_numbers(one: Indexed, other: Indexed) -> bool:
    """Return whether two operations are by the same index."""
    a, b = numbers_of(one.by, one.dim), numbers_of(other.by, other.dim)
    return a.shape == b.shape and torch.equal(a, b)


def _is_mask(value: Value) -> bool:
    return value.tensor.dtype is torch.bool


def numbers_of(index: Value, dim: int) -> Tensor:
    """Return the numbers ``[E]`` of an index that may be spread over further dimensions."""
    tensor = index.now
    for n in reversed(range(tensor.dim())):
        if n != dim:
            tensor = tensor.select(n, 0) if tensor.size(n) else tensor.sum(n)
    return tensor
