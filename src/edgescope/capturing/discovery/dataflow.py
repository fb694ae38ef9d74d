"""Where values of a trace come from and go to, and which of their rows are edges."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from edgescope.capturing.discovery.dimension_rules import axes_of
from edgescope.capturing.discovery.dimensions import Dim
from edgescope.capturing.discovery.steps import Step, Value, is_pointwise
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

KEEPS = frozenset(
    {
        *("view", "_unsafe_view", "reshape", "_reshape_alias", "unsqueeze", "squeeze", "expand"),
        *("permute", "transpose", "t", "clone", "contiguous", "detach", "alias", "_to_copy"),
        *("lift_fresh", "slice", "dropout", "native_dropout", "repeat"),
    }
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
        features: atoms of parameters, such as heads and channels, and what they were divided into.
        parts: those that such an atom was divided into, as into heads and their channels.
        gathers: by the atom of the rows that come out.
        scatters: by the atom of the rows that go in.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.axes = axes_of(trace)
        self.gathers: dict[int, list[Indexed]] = defaultdict(list)
        self.scatters: dict[int, list[Indexed]] = defaultdict(list)
        self._atoms: dict[int, list[int]] = {}
        self._joined: dict[tuple[int, ...], int] = {}
        indexed: list[tuple[Indexed, tuple[int, ...]]] = []
        for step in trace.steps:
            found = gathered(step) if step.name in GATHERS else scattered(step)
            if found is None or isinstance(found.rows.tensor, nn.Parameter):
                continue  # a table of parameters has no nodes
            dim = found.by.dims[found.dim] if found.by.dims else ()
            if dim and is_by_rows(found):
                roots = self.axes.roots(dim)
                indexed.append((found, roots))
                if len(roots) > 1 and roots not in self._joined:
                    self._joined[roots] = self.axes.new(self.axes.size(roots))[0]
        for found, roots in indexed:
            kind = self.gathers if found.step.name in GATHERS else self.scatters
            kind[self.roots(roots)[0]].append(found)
        for found in segmented(trace):
            self._add_segments(found)
        self.features, self.parts = self._learned()

    def _learned(self) -> tuple[set[int], set[int]]:
        """Return the atoms of parameters and their parts, and these parts alone."""
        found: set[int] = set()
        for value in self.trace.values:
            if value.step is None and isinstance(value.tensor, nn.Parameter):
                found.update(root for dim in value.dims for root in self.axes.roots(dim))
        for atom, whole in self.axes.slices():
            if set(whole) & self.axes.with_parts(found):
                found.add(atom)
        parts = self.axes.siblings(found)
        found = self.axes.with_parts(found)
        for atom, cut in self.axes.stacked():
            if set(cut) & found:  # heads that stand along another dimension
                found |= self.axes.with_parts({atom})
                parts.add(atom)
        return found, parts

    def _add_segments(self, found: Indexed) -> None:
        """Note a sum over rows that stand next to each other as one by an index with its numbers.

        Args:
            found: the sum, with the borders of its segments in the place of an index.
        """
        numbers = segments_of(found)
        for atom in self.atoms(found.rows)[:1]:
            for each in (*self.gathers[atom], *self.scatters[atom]):
                if torch.equal(numbers_of(each.by, each.dim), numbers):
                    self.scatters[atom].append(found._replace(by=each.by, dim=each.dim))
                    return

    def roots(self, dim: Dim) -> Dim:
        """Return the atoms of a dimension, those of rows that an index has as one."""
        roots = self.axes.roots(dim)
        for joined, atom in self._joined.items():
            for n in range(len(roots) - len(joined) + 1):
                if roots[n : n + len(joined)] == joined:
                    return (*roots[:n], atom, *roots[n + len(joined) :])
        return roots

    def atoms(self, value: Value) -> list[int]:
        """Return what a value's dimensions stand for, atom by atom."""
        if value.number not in self._atoms:
            self._atoms[value.number] = [root for dim in value.dims for root in self.roots(dim)]
        return self._atoms[value.number]

    def nodes(self) -> set[int]:
        """Return the atoms of what is gathered from, which are nodes; of all rows if nothing is."""
        found: set[int] = set()
        for each in (each for several in self.gathers.values() for each in several):
            found.update(self.atoms(each.rows)[:1])
        own = {root for root in self.scatters if root in found}
        return own or set(self.scatters)

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
