"""Where values of a trace come from and go to, and which of their rows are edges."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

import torch
from torch import Tensor, nn

from edgescope.capturing.discovery.dimension_rules import axes_of
from edgescope.capturing.discovery.dimensions import Dim
from edgescope.capturing.discovery.index_operations import (
    GATHERS,
    Indexed,
    gathered,
    is_by_rows,
    numbers_of,
    scattered,
    segmented,
    segments_of,
)
from edgescope.capturing.discovery.steps import KEEPS, Step, Value, is_pointwise
from edgescope.capturing.discovery.trace import Trace


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

    def edges(self) -> set[int]:
        """Return the atoms of rows that are gathered for edges, or summed into nodes, or both.

        Not those of nodes, which are summed into graphs by one index, or gathered from them.
        """
        nodes = self.nodes()
        for each in (each for several in self.scatters.values() for each in several):
            nodes.update(self.atoms(each.step.results[0])[:1])
        found: set[int] = set()
        for atom in {*self.gathers, *self.scatters}:
            indices = self._indices(atom)
            if atom not in nodes or len(indices) > 1 or any(not each.numel() for each in indices):
                found.add(atom)
        return found

    def _indices(self, atom: int) -> list[Tensor]:
        """Return the different numbers by which rows are gathered or scattered.

        An order of all rows is none, as it leads to no others.
        """
        found: list[Tensor] = []
        for each in (*self.gathers.get(atom, ()), *self.scatters.get(atom, ())):
            numbers = numbers_of(each.by, each.dim)
            every = numbers.new_tensor(range(len(numbers)))
            if numbers.numel() and torch.equal(numbers.sort()[0], every):
                continue
            if not any(torch.equal(numbers, known) for known in found):
                found.append(numbers)
        return found

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
