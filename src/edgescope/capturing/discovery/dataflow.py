"""Where values of a trace come from and go to, and which of their rows are edges."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from edgescope.capturing.discovery.dimension_rules import axes_of
from edgescope.capturing.discovery.trace import Step, Trace, Value, is_pointwise

GATHERS = frozenset({"index", "_unsafe_index", "index_select", "gather", "embedding"})
"""Operations that take rows of a tensor by an index."""

SCATTERS = frozenset(
    ["scatter_add", "index_add", "scatter_reduce", "index_put", "_index_put_impl", "index_reduce"]
)
"""Operations that combine rows of a tensor by an index."""

KEEPS = frozenset(
    "view _unsafe_view reshape _reshape_alias unsqueeze squeeze expand permute transpose t clone "
    "contiguous detach alias _to_copy lift_fresh slice dropout native_dropout repeat".split()  # noqa: SIM905  (a list would take a line each)
)
"""Operations after which numbers are what they were, in another form."""


class Indexed(NamedTuple):
    """An operation that gathers or scatters rows by an index."""

    step: Step
    rows: Value
    """What is gathered from, or what is scattered."""
    by: Value
    """The index."""
    dim: int
    """The dimension of the index that goes with the rows."""


class Flow:
    """A trace whose dimensions are known, with its gathers and scatters.

    Attributes:
        gathers: by the atom of the rows that come out.
        scatters: by the atom of the rows that go in.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.axes = axes_of(trace)
        self.gathers: dict[int, list[Indexed]] = defaultdict(list)
        self.scatters: dict[int, list[Indexed]] = defaultdict(list)
        for step in trace.steps:
            found = gathered(step) if step.name in GATHERS else scattered(step)
            if found is None or isinstance(found.rows.tensor, nn.Parameter):
                continue  # a table of parameters has no nodes
            dim = found.by.dims[found.dim] if found.by.dims else ()
            if len(dim) == 1:
                kind = self.gathers if step.name in GATHERS else self.scatters
                kind[self.axes.root(dim[0])].append(found)
        self.features = self._features()

    def _features(self) -> set[int]:
        """Return the atoms of parameters, such as heads and channels."""
        found: set[int] = set()
        for value in self.trace.values:
            if value.step is None and isinstance(value.tensor, nn.Parameter):
                found.update(root for dim in value.dims for root in self.axes.roots(dim))
        return self.axes.with_parts(found)

    def atoms(self, value: Value) -> list[int]:
        """Return what a value's dimensions stand for, atom by atom."""
        return [root for dim in value.dims for root in self.axes.roots(dim)]

    def has(self, value: Value, atom: int) -> bool:
        """Return whether one dimension of a value stands for an atom, and no other does."""
        return self.atoms(value).count(atom) == 1

    def onward(
        self, starts: Iterable[Value], goes_on: Callable[[Step, Value], bool]
    ) -> dict[int, Value]:
        """Return what is computed from some values, themselves included, by number.

        Args:
            starts: the values.
            goes_on: says whether to follow a result of an operation.
        """
        found = {value.number: value for value in starts}
        left = list(found.values())
        while left:
            value = left.pop()
            for step in value.uses:
                for result in step.results:
                    if result.number not in found and goes_on(step, result):
                        found[result.number] = result
                        left.append(result)
        return found

    def along(self, starts: Iterable[Value], atom: int) -> dict[int, Value]:
        """Return what is computed from values number by number, as long as it has their rows."""
        return self.onward(
            starts,
            lambda step, result: (
                (is_pointwise(step) or step.name in KEEPS) and self.has(result, atom)
            ),
        )


def backward(value: Value, stop: Collection[int] = ()) -> dict[int, Value]:
    """Return what a value is computed from, itself included, by number."""
    found = {value.number: value}
    left = [value]
    while left:
        step = left.pop().step
        for each in () if step is None else step.inputs():
            if each.number not in found and each.number not in stop:
                found[each.number] = each
                left.append(each)
    return found


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
    if step.name not in SCATTERS:
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
        if step.name in {"select", "unbind", "slice"}:
            way.append((step.args[1:], index.slot))
        elif step.name not in KEEPS:
            break
        index = next(step.inputs())
    return index.number, tuple(way)


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
