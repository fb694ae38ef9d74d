"""The individual activations that a scan keeps: the most massive ones, and the broken ones.

Their order is the same however the graphs were spread over batches. Edges of a molecule come in
pairs, and molecules share fragments, so equal ratios are common. A total order decides which of
them is kept when not all can be, and which is called the largest.
"""

from math import inf, nan
from typing import TYPE_CHECKING, NamedTuple

import polars as pl
import torch
from torch import Tensor

from edgescope.capturing.activations import EdgeActivations
from edgescope.capturing.edge_rows import EdgeIdentity
from edgescope.statistics.ratio import EdgeTops, magnitudes

if TYPE_CHECKING:
    from collections.abc import Callable

MEASURES = ("ratio", "magnitude")
"""What the most extreme activations are looked for by."""

PLACE = ("graph", "edge", "source", "target", "head", "channel")
"""Columns that say which activation a row is."""

_TIES = (*PLACE, "edge_type", "value")
"""Decide between equal ratios; the value only where several models saw the same activation."""


class RowKeeper:
    """Keeps the activations of one site whose ratio or magnitude exceeds a floor, up to a number.

    If there are more, those with the largest ratios are kept. The activation with the largest
    ratio and the one with the largest magnitude are kept in any case.

    Args:
        floor: ratio that must be exceeded.
        limit: how many activations are kept.
        magnitude_floor: magnitude that suffices to be kept, whatever the ratio; the ratio is NaN
            if it is not defined.

    Attributes:
        seen: how many activations exceeded a floor, kept or not.
        inputs: names of the inputs that edges belonged to; the first is that of a single input.
    """

    def __init__(self, floor: float, limit: int, magnitude_floor: float = inf) -> None:
        self.floor = floor
        self.limit = limit
        self.magnitude_floor = magnitude_floor
        self.seen = 0
        self.inputs = [""]
        self._rows: list[dict[str, Tensor]] = []
        self._held = 0
        self._extremes: dict[str, _Row] = {}
        self._nonfinite: list[tuple[int, int]] = []

    def update(self, activations: EdgeActivations, tops: EdgeTops) -> set[int]:
        """Look through the activations of a batch.

        Args:
            activations: activations of ``E`` edges, whose ``graph`` is the position in the data
                set and whose ``edge_type`` numbers the types of the scan.
            tops: medians and maxima of the same edges.

        Returns:
            The graphs of which something was kept, for now.
        """
        if not tops.finite.numel():
            return set()
        graph = activations.graph
        kept: set[int] = set()
        if not bool(tops.finite.all()):
            broken, count = torch.unique(graph[~tops.finite], return_counts=True)
            self._nonfinite.extend(zip(broken.tolist(), count.tolist(), strict=True))
            kept.update(broken.tolist())
            if len(self._nonfinite) > 2 * self.limit:
                self._nonfinite = self.nonfinite().rows()  # of a graph in parts, their sum
        largest = {
            "ratio": float(tops.top_ratio.max()),
            "magnitude": float(tops.top_magnitude.max()),
        }
        if activations.identity.input not in self.inputs:
            self.inputs.append(activations.identity.input)
        for name, value in largest.items():
            kept |= self._extreme(name, value, activations, tops)
        # Most batches hold nothing above the floors: look at the maxima of the edges first.
        if largest["ratio"] > self.floor or largest["magnitude"] > self.magnitude_floor:
            kept |= self._keep(activations, tops)
        return kept

    def _extreme(
        self, name: str, largest: float, activations: EdgeActivations, tops: EdgeTops
    ) -> set[int]:
        """Keep the activation with the largest ratio or magnitude; return its graph if new."""
        held = self._extremes.get(name)
        if not largest or (held and largest < held.measure(name)):
            return set()
        top = tops.top_ratio if name == "ratio" else tops.top_magnitude
        edge = _first(activations, (top == largest).nonzero().squeeze(1))
        channels = magnitudes(activations.values[edge : edge + 1])[0]
        if name == "ratio":  # which may be equal where magnitudes are not
            channels = channels / tops.median[edge]
        found = _row(activations, tops, edge, int(channels.argmax()), self._input(activations))
        if held and largest == held.measure(name) and found.place >= held.place:
            return set()
        self._extremes[name] = found
        return {found.graph}

    def _keep(self, activations: EdgeActivations, tops: EdgeTops) -> set[int]:
        """Keep the activations above a floor; return their graphs."""
        massive = (tops.top_ratio > self.floor) | (tops.top_magnitude > self.magnitude_floor)
        edges = massive.nonzero().squeeze(1)
        magnitude = magnitudes(activations.values[edges])  # [n, F]
        ratio = magnitude / tops.median[edges].unsqueeze(1)
        by_ratio = (ratio > self.floor) & tops.defined[edges].unsqueeze(1)
        found = (by_ratio | (magnitude > self.magnitude_floor)).nonzero()
        self.seen += found.size(0)
        edge, position = edges[found[:, 0]], found[:, 1]
        self._rows.append(_pick(activations, tops, edge, position, self._input(activations)))
        self._held += found.size(0)
        if self._held > 2 * self.limit:
            self._prune()
        return set(activations.graph[edge].tolist())

    def _input(self, activations: EdgeActivations) -> int:
        """Return the number of the input that the edges belong to."""
        return self.inputs.index(activations.identity.input)

    def graphs(self) -> set[int]:
        """Return the graphs of which something is kept."""
        kept = {number for rows in self._rows for number in rows["graph"].tolist()}
        kept |= {graph for graph, _ in self._nonfinite}
        return kept | {row.graph for row in self._extremes.values()}

    def _prune(self) -> None:
        largest = self._largest()
        self._rows = [{name: torch.tensor(largest[name].to_numpy()) for name in _SCHEMA}]
        self._held = largest.height

    def rows(self) -> pl.DataFrame:
        """Return the kept activations, one row each, largest ratio first."""
        return self._named(self._largest())

    def _largest(self) -> pl.DataFrame:
        """Return the kept activations with the number of their input."""
        return largest_first(_frame(self._rows)).head(self.limit)

    def _named(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Put the names of inputs in place of their numbers."""
        names = pl.Series("input", self.inputs, dtype=pl.String)
        return rows.with_columns(names[rows["input"]])

    def extremes(self) -> pl.DataFrame:
        """Return the activations with the largest ratio and the largest magnitude."""
        held = [(name, *self._extremes[name]) for name in MEASURES if name in self._extremes]
        rows = pl.DataFrame(held, schema={"largest": pl.String, **_SCHEMA}, orient="row")
        return self._named(rows)

    def nonfinite(self) -> pl.DataFrame:
        """Return the graphs that had edges with a NaN or an infinity, and how many edges."""
        schema = {"graph": pl.Int64, "edges": pl.Int64}
        return by_graph(pl.DataFrame(self._nonfinite, schema, orient="row")).head(self.limit)


class _Row(NamedTuple):
    """One activation, as a row of the table."""

    graph: int
    edge: int
    source: int
    target: int
    head: int
    channel: int
    value: float
    ratio: float
    edge_type: int
    input: int

    def measure(self, name: str) -> float:
        """Return the ratio or the magnitude."""
        return self.ratio if name == "ratio" else abs(self.value)

    @property
    def place(self) -> tuple[int, ...]:
        """Where in the data set it is."""
        return tuple(getattr(self, name) for name in PLACE)


_SCHEMA = {n: pl.Float32 if n in {"value", "ratio"} else pl.Int64 for n in _Row._fields}


def _ends(identity: EdgeIdentity, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Return source and target of some ``edges`` ``[n]``, numbered within their graph."""
    own = identity.edge_index[:, edges] - identity.node_offset[:, edges]
    return own[1 - identity.target_row], own[identity.target_row]


def _first(activations: EdgeActivations, edges: Tensor) -> int:
    """Return the first of some ``edges`` by its place in the data set."""
    identity = activations.identity
    columns: tuple[Callable[[Tensor], Tensor], ...] = (
        lambda kept: identity.graph[kept],
        lambda kept: identity.input_edge[kept],
        lambda kept: _ends(identity, kept)[0],
        lambda kept: _ends(identity, kept)[1],
    )
    for column in columns:
        if edges.size(0) == 1:
            break
        number = column(edges)
        edges = edges[number == number.min()]
    return int(edges[0])


def _pick(
    activations: EdgeActivations, tops: EdgeTops, edge: Tensor, position: Tensor, number: int
) -> dict[str, Tensor]:
    """Take the activations at ``position`` (head and channel, flattened) of ``edge``, as columns.

    ``number`` is that of the input that the edges belong to.
    """
    identity = activations.identity
    channels = activations.values.size(2)
    source, target = _ends(identity, edge)
    edge_type = torch.zeros_like(edge) if identity.edge_type is None else identity.edge_type[edge]
    head, channel = position // channels, position % channels
    value = activations.values[edge, head, channel].float()
    columns = (
        identity.graph[edge],
        identity.input_edge[edge],
        source,
        target,
        head,
        channel,
        value,
        (value.abs() / tops.median[edge]).where(tops.defined[edge], nan),
        edge_type.long(),
        torch.full_like(edge, number),
    )
    return {name: column.cpu() for name, column in zip(_SCHEMA, columns, strict=True)}


def _row(
    activations: EdgeActivations, tops: EdgeTops, edge: int, position: int, number: int
) -> _Row:
    """Return what :func:`_pick` does for a single activation, without tensors of one number."""
    identity = activations.identity
    head, channel = divmod(position, activations.values.size(2))
    value = activations.values[edge, head, channel].float()
    ends = [int(identity.edge_index[k, edge] - identity.node_offset[k, edge]) for k in (0, 1)]
    return _Row(
        graph=int(identity.graph[edge]),
        edge=int(identity.input_edge[edge]),
        source=ends[1 - identity.target_row],
        target=ends[identity.target_row],
        head=head,
        channel=channel,
        value=float(value),
        ratio=float(value.abs() / tops.median[edge]) if tops.defined[edge] else nan,
        edge_type=0 if identity.edge_type is None else int(identity.edge_type[edge]),
        input=number,
    )


def _frame(rows: list[dict[str, Tensor]]) -> pl.DataFrame:
    if not rows:
        return pl.DataFrame(schema=_SCHEMA)
    columns = {name: torch.cat([part[name] for part in rows]).numpy() for name in _SCHEMA}
    return pl.DataFrame(columns, schema=_SCHEMA)


def largest_first(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows by falling ratio, equal ratios by their place in the data set.

    Rows without a defined ratio, NaN, are last.
    """
    return _sorted(rows, pl.col("ratio").fill_nan(-1))


def _sorted(rows: pl.DataFrame, by: pl.Expr) -> pl.DataFrame:
    return rows.sort(by, *_TIES, descending=[True, *(False for _ in _TIES)])


def most_extreme(extremes: pl.DataFrame) -> pl.DataFrame:
    """Return, of several candidates for each, the largest ratio and the largest magnitude.

    Args:
        extremes: rows with the column ``largest``, ``"ratio"`` or ``"magnitude"``.
    """
    measures = {"ratio": pl.col("ratio"), "magnitude": pl.col("value").abs()}
    best = (_sorted(extremes.filter(largest=name), by).head(1) for name, by in measures.items())
    return pl.concat(best)


def by_graph(nonfinite: pl.DataFrame) -> pl.DataFrame:
    """Return how many edges of each graph hold a NaN or an infinity, by graph."""
    return nonfinite.group_by("graph").agg(pl.col("edges").sum()).sort("graph")
