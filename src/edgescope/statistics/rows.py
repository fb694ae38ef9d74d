"""The individual activations that a scan keeps: the most massive ones, and the broken ones."""

from typing import NamedTuple

import polars as pl
import torch
from torch import Tensor

from edgescope.capture.activations import EdgeActivations
from edgescope.statistics.ratio import EdgeRatios


class RowKeeper:
    """Keeps the activations of one site whose ratio exceeds a floor, up to a number.

    If there are more, those with the largest ratios are kept. The activation with the largest
    ratio and the one with the largest magnitude are kept in any case.

    Args:
        floor: ratio that must be exceeded.
        limit: how many activations are kept.

    Attributes:
        seen: how many activations exceeded the floor, kept or not.
    """

    def __init__(self, floor: float, limit: int) -> None:
        self.floor = floor
        self.limit = limit
        self.seen = 0
        self._rows: list[_Rows] = []
        self._held = 0
        self._extremes: dict[str, _Rows] = {}
        self._nonfinite: list[tuple[int, int]] = []

    def update(self, activations: EdgeActivations, ratios: EdgeRatios) -> set[int]:
        """Look through the activations of a batch.

        Args:
            activations: activations of ``E`` edges, whose ``graph`` is the position in the data
                set and whose ``edge_type`` numbers the types of the scan.
            ratios: the same, relative to the median of their edge.

        Returns:
            The graphs of which something was kept, for now.
        """
        graph = activations.graph
        if not ratios.finite.numel():
            return set()
        if not bool(ratios.finite.all()):
            broken, count = torch.unique(graph[~ratios.finite], return_counts=True)
            self._nonfinite.extend(zip(broken.tolist(), count.tolist(), strict=True))
            del self._nonfinite[self.limit :]
        tops = {
            "ratio": ratios.top_ratio.where(ratios.defined, 0),
            "magnitude": ratios.top_magnitude.where(ratios.finite, 0),
        }
        kept: set[int] = set()
        for name, top in tops.items():
            highest = int(top.argmax())
            held = self._extremes.get(name)
            if float(top[highest]) > (held.measure(name) if held else 0.0):
                position = getattr(ratios, name)[highest].argmax().view(1)
                where = torch.tensor([highest], device=graph.device)
                self._extremes[name] = _pick(activations, ratios, where, position)
                kept.add(int(graph[highest]))
        # Most edges of most batches hold nothing above the floor: look at their maxima first.
        edges = (tops["ratio"] > self.floor).nonzero().squeeze(1)
        found = (ratios.ratio[edges] > self.floor).nonzero()
        if found.size(0):
            self.seen += found.size(0)
            edge, position = edges[found[:, 0]], found[:, 1]
            self._rows.append(_pick(activations, ratios, edge, position))
            kept.update(graph[edge].tolist())
            self._held += found.size(0)
            if self._held > 2 * self.limit:
                self._prune()
        return kept

    def graphs(self) -> set[int]:
        """Return the graphs of which something is kept."""
        held = [*self._rows, *self._extremes.values()]
        return {number for rows in held for number in rows.graph.tolist()}

    def _prune(self) -> None:
        rows = _Rows(*(torch.cat(column) for column in zip(*self._rows, strict=True)))
        order = rows.ratio.argsort(descending=True, stable=True)[: self.limit]
        self._rows = [_Rows(*(column[order] for column in rows))]
        self._held = order.size(0)

    def rows(self) -> pl.DataFrame:
        """Return the kept activations, one row each, largest ratio first."""
        if self._rows:
            self._prune()
        return _frame(self._rows)

    def extremes(self) -> pl.DataFrame:
        """Return the activations with the largest ratio and the largest magnitude."""
        names = pl.Series("largest", list(self._extremes), dtype=pl.String)
        return _frame(list(self._extremes.values())).insert_column(0, names)

    def nonfinite(self) -> pl.DataFrame:
        """Return the graphs that had edges with a NaN or an infinity, and how many edges."""
        schema = {"graph": pl.Int64, "edges": pl.Int64}
        return pl.DataFrame(self._nonfinite, schema=schema, orient="row")


class _Rows(NamedTuple):
    """Columns of the kept activations, each ``[n]``; their order is that of the table."""

    graph: Tensor
    edge: Tensor
    source: Tensor
    target: Tensor
    head: Tensor
    channel: Tensor
    value: Tensor
    ratio: Tensor
    edge_type: Tensor

    def measure(self, name: str) -> float:
        """Return the ratio or the magnitude of a single row."""
        return float(self.ratio if name == "ratio" else self.value.abs())


def _pick(
    activations: EdgeActivations, ratios: EdgeRatios, edge: Tensor, position: Tensor
) -> _Rows:
    """Take the activations at ``position`` (head and channel, flattened) of ``edge``."""
    identity = activations.identity
    channels = activations.values.size(2)
    source, target = identity.edge_index[:, edge] - identity.node_offset[:, edge]
    edge_type = torch.zeros_like(edge) if identity.edge_type is None else identity.edge_type[edge]
    columns = (
        identity.graph[edge],
        identity.input_edge[edge],
        source,
        target,
        position // channels,
        position % channels,
        activations.values.flatten(1)[edge, position].float(),
        ratios.ratio[edge, position],
        edge_type.long(),
    )
    return _Rows(*(column.cpu() for column in columns))


def _frame(rows: list[_Rows]) -> pl.DataFrame:
    frame = pl.DataFrame(
        schema={
            name: pl.Float32 if name in {"value", "ratio"} else pl.Int64 for name in _Rows._fields
        }
    )
    frames = [pl.DataFrame({k: v.numpy() for k, v in part._asdict().items()}) for part in rows]
    return pl.concat([frame, *frames])
