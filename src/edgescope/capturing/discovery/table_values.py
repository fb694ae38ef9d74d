"""How the values of attention over tables of neighbours are had, and which of its places count."""

from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.discovery.fused_attention import FusedLogit, FusedWeight
from edgescope.capturing.discovery.neighbour_tables import UNKNOWN_NODE
from edgescope.capturing.discovery.pair_values import Arrangement
from edgescope.capturing.discovery.recipes import Scale, scaled
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.edge_rows import EdgeRows, PairRows
from edgescope.capturing.masked_places import attended
from edgescope.lib.errors import InputError


class Cells(NamedTuple):
    """What was computed for every place of a table."""

    number: int
    arrangement: Arrangement
    scale: Scale = ()

    def grid(self, trace: Trace) -> Tensor:
        """Return the values ``[G, V, K, H, D]``, of size 1 where they are the same for all."""
        values = self.arrangement.arrange(trace.values[self.number].now)
        return scaled(values, self.scale, trace)


class Mask(NamedTuple):
    """Which places hold no neighbour."""

    cells: Cells
    forbids: bool
    """Whether it is true of these, and not of the others."""

    def allows(self, trace: Trace) -> Tensor:
        """Return which places ``[G, V, K, H, 1]`` hold a neighbour."""
        return (self.cells.grid(trace) != 0) != self.forbids


class FusedCells(NamedTuple):
    """The logits or weights of attention that is computed at once, which has one query a row."""

    inner: FusedLogit | FusedWeight

    def grid(self, trace: Trace) -> Tensor:
        """Return the values ``[G, V, K, H, 1]``."""
        return self.inner.grid(trace)[:, :, 0].transpose(1, 2)[None, ..., None]


class Times(NamedTuple):
    """The product of two, of which the result was not computed, or was summed at once."""

    one: "Cells | FusedCells"
    other: Cells

    def grid(self, trace: Trace) -> Tensor:
        """Return the values ``[G, V, K, H, D]``."""
        return self.one.grid(trace) * self.other.grid(trace)


Grid = Cells | FusedCells | Times


class TableEnds(NamedTuple):
    """Where in a trace the nodes of every place of a table are."""

    source: int | None
    """Number of the table, in whatever form; ``None`` if whose it is, is open."""
    places_first: bool
    """Whether it has a row per place, and not per node."""
    attends: int | None
    """Number of the nodes of the rows; ``None`` if these are all nodes, in their order."""
    nodes: tuple[int, int]
    """Value, and its dimension, from which nodes are gathered."""
    before: tuple[int, ...]
    """Values that come before the nodes, and are none."""
    weight: Cells | FusedCells
    logit: Cells | FusedCells | None
    masks: tuple[Mask, ...]
    is_dense: bool
    """Whether there is a table for every graph of a dense batch."""
    edges: int | None
    """Number of a table of what may be the numbers of edges, if there is one."""

    def kept(self, trace: Trace) -> Tensor:
        """Return which places ``[G, V, K]`` hold a neighbour that may be attended to."""
        logit = None if self.logit is None else self.logit.grid(trace)
        kept = attended(self.weight.grid(trace), logit, dim=2)
        for mask in self.masks:
            kept = kept & mask.allows(trace)
        return kept.any(4).any(3)

    def rows(self, trace: Trace) -> EdgeRows | PairRows:
        """Return which rows they are.

        Raises:
            InputError: if the nodes of the rows are not known.
        """
        if self.source is None:
            raise InputError(UNKNOWN_NODE)
        kept = self.kept(trace)
        graphs, rows, places = kept.shape
        table = self._table(trace, self.source, kept)
        size = trace.values[self.nodes[0]].tensor.size(self.nodes[1])
        source = table[kept]
        if bool((source < 0).any()):
            source = source.where(source >= 0, source + size)
        before = sum(trace.values[number].tensor.size(0) for number in self.before)
        if before:  # what comes before the nodes is numbered after them
            source = (source - before).where(source >= before, source + size - before)
        if self.is_dense:
            graph, target, _ = kept.nonzero().unbind(1)
            return PairRows(graph, target, source, target.new_full((graphs,), size))
        if self.attends is None:
            target = torch.arange(rows, device=table.device)
        else:
            target = trace.values[self.attends].now.flatten()
        target = target[:, None].expand(rows, places)[kept[0]]
        edge_index = torch.stack([source, target.to(source.dtype)])
        known = EdgeRows(edge_index, (size, size), pairs=True, places=self.attends is None)
        if self.edges is None:
            return known
        return known._replace(number=self._table(trace, self.edges, kept)[kept])

    def _table(self, trace: Trace, number: int, kept: Tensor) -> Tensor:
        """Return a table as ``[G, V, K]``."""
        table, (_, rows, places) = trace.values[number].now, kept.shape
        if self.places_first:
            return table.reshape(places, rows).t()[None]
        return table.reshape(kept.shape)


class Kept(NamedTuple):
    """The values of a stage in the places that hold a neighbour."""

    grid: Grid
    ends: TableEnds

    def __call__(self, trace: Trace) -> Tensor:
        """Return the values ``[E, H, D]``."""
        values, kept = self.grid.grid(trace), self.ends.kept(trace)
        return values.expand(*kept.shape, -1, -1)[kept]
