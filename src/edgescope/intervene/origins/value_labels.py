"""Massive values beside what is known of their edges: how far they are spread, what they tell."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.capturing import EdgeActivations
from edgescope.intervene.activation_choice import Where, selector
from edgescope.intervene.metric_resamples import Sample, Scorer
from edgescope.intervene.origins.rewind_rows import interval
from edgescope.intervene.origins.type_triples import NotEnumerable, TripleCall
from edgescope.intervene.replay import Outputs, Passes, SiteValues
from edgescope.lib.model_call import Call
from edgescope.statistics.false_discovery import q_values
from edgescope.statistics.mutual_information import information

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 4
"""Quantile bins of values within their head and channel, and of targets."""

MOST_KINDS = 512
"""Kinds of edges beyond which triples are too many for what is known of each."""

SPREADS: dict[str, type[pl.DataType]] = {
    "site": pl.String,
    "kind": pl.String,
    "kinds": pl.Int64,
    "columns": pl.Int64,
    "values": pl.Int64,
    "variance": pl.Float64,
    "variance_all": pl.Float64,
    "spread": pl.Float64,
    "spread_low": pl.Float64,
    "spread_high": pl.Float64,
    "spread_all": pl.Float64,
    "one_sign": pl.Float64,
}

INFORMATION: dict[str, type[pl.DataType]] = {
    "site": pl.String,
    "what": pl.String,
    "about": pl.String,
    "rows": pl.Int64,
    "entropy": pl.Float64,
    "bits": pl.Float64,
    "null_mean": pl.Float64,
    "null_high": pl.Float64,
    "p": pl.Float64,
    "q": pl.Float64,
    "guess": pl.Float64,
    "told": pl.Float64,
}


class ValueLabels:
    """Records massive values with the types and the graph of their edges.

    Args:
        where: what is massive.
        call: how to call the model.
        inputs: what the model calls its inputs.
        seed: decides random orders.

    Attributes:
        call: calls the model, and must be that of the passes.
        no_triples: why triples of types are not known; empty if they are.
        no_target: why targets of graphs are not known; empty if they are.
    """

    def __init__(
        self, where: Where, call: Call, inputs: Mapping[str, str] | None, seed: int
    ) -> None:
        self.call = TripleCall(call, inputs)
        self.no_triples = ""
        self.no_target = ""
        self._selector = selector(where)
        self._seed = seed
        self._graph: dict[str, list[Tensor]] = {}
        self._triple: dict[str, list[Tensor]] = {}
        self._held: dict[str, SiteValues] = {}

    def run(self, passes: Passes, sites: Sequence[str], max_bytes: int) -> Outputs:
        """Record some sites in one pass of the model, and return what it predicts."""

        def choose(placed: EdgeActivations) -> Tensor:
            self._graph.setdefault(placed.site, []).append(placed.graph.cpu())
            if not self.no_triples:
                try:
                    self._triple.setdefault(placed.site, []).append(self.call.keys(placed)[0])
                except NotEnumerable as reason:
                    self.no_triples = str(reason)
            return self._selector.choose(placed).cpu()

        skip = self._selector.needs_vectors
        self._held, outputs = passes.recorded(sites, choose, max_bytes, "", False, skip)
        return outputs

    def spreads(self, scorer: Scorer) -> list[dict[str, Any]]:
        """Return how far massive values are spread on edges of one kind, and all others.

        Args:
            scorer: gives the intervals over graphs.
        """
        rows = []
        for site in self._held:
            for kind, of in self._kinds(site).items():
                row = self._spread(site, of, scorer)
                if row:
                    rows.append({"site": site, "kind": kind, **row})
        return rows

    def information(self, outputs: Outputs, permutations: int) -> list[dict[str, Any]]:
        """Return what presence and values tell of kinds and of the target.

        Args:
            outputs: whose targets they are.
            permutations: random orders.
        """
        target = self._target_bins(outputs)
        generator = np.random.default_rng(self._seed)
        rows: list[dict[str, Any]] = []
        for site, held in self._held.items():
            graph = torch.cat(self._graph[site]).numpy()
            chosen = (held.chosen & held.values.isfinite()).flatten(1).numpy()
            known: dict[str, tuple[Ints, Ints | None]] = {
                kind: (of, None) for kind, of in self._kinds(site).items()
            }
            if target is not None:
                known["target"] = (target[graph], graph)
            present = np.asarray(chosen.any(axis=1), dtype=np.int64)
            which, bins = _value_bins(held.values.flatten(1).double().numpy(), chosen)
            for about, (label, group) in known.items():
                for what, first, at in (
                    ("presence", present, np.arange(len(present))),
                    ("value", bins, which),
                ):
                    of_group = None if group is None else group[at]
                    found = information(
                        first,
                        label[at],
                        generator=generator,
                        group=of_group,
                        permutations=permutations,
                    )
                    row = {"site": site, "what": what, "about": about, "rows": len(first)}
                    rows.append(row | _known(found._asdict()))
        adjusted = q_values(np.array([np.nan if row["p"] is None else row["p"] for row in rows]))
        return [
            row | {"q": None if np.isnan(q) else float(q)}
            for row, q in zip(rows, adjusted, strict=True)
        ]

    def _kinds(self, site: str) -> dict[str, Ints]:
        """Return the kind of every row, by what a kind is."""
        found = {"type": self._held[site].edge_type.numpy()}
        if not self.no_triples and site in self._triple:
            triples = torch.cat(self._triple[site])
            unique, number = torch.unique(triples, dim=0, return_inverse=True)
            if len(unique) > MOST_KINDS:
                self.no_triples = f"there are more than {MOST_KINDS} different triples"
            else:
                found["triple"] = number.numpy()
        return found

    def _spread(self, site: str, kind: Ints, scorer: Scorer) -> dict[str, Any]:
        held = self._held[site]
        values = held.values.flatten(1).double().numpy()
        chosen = held.chosen.flatten(1).numpy() & np.isfinite(values)
        if not chosen.any():
            return {}
        known = np.isfinite(values)
        _, kind = np.unique(kind, return_inverse=True)
        graph = torch.cat(self._graph[site]).numpy()
        away, size = _squares(values, chosen, kind)
        row, column = np.nonzero(chosen)
        mine = values[row, column]
        ratio = scorer.ratio(
            *(np.bincount(graph, each, scorer.graphs).astype(np.float64) for each in (away, size))
        )
        root = Sample(float(np.sqrt(ratio.value)), np.sqrt(ratio.resamples))
        found: dict[str, Any] = {
            "kinds": len(np.unique(kind[row])),
            "columns": len(np.unique(column)),
            "values": len(mine),
            "variance": float(away.sum() / len(mine)),
            "variance_all": float(values[known].var()),
            "one_sign": _one_sign(mine, column),
        }
        away, size = _squares(values, known & ~chosen, kind)
        if size.any():
            found["spread_all"] = float(np.sqrt(away.sum() / size.sum()))
        return found | interval("spread", root, scorer)

    def _target_bins(self, outputs: Outputs) -> Ints | None:
        """Return the bin of every graph's first target ``[G]``; None if it is not known."""
        graphs = int(outputs.graph.max()) + 1 if len(outputs.graph) else 0
        target = outputs.target
        if target is None:
            self.no_target = "the batches have no target y"
            return None
        if len(target) != graphs:
            self.no_target = "targets are of nodes, which have no value of a whole graph"
            return None
        first = target.reshape(graphs, -1)[:, 0]
        if np.isnan(first).any():
            self.no_target = "some targets are missing"
            return None
        return _bins(first)


def _squares(values: Array, of: NDArray[np.bool_], kind: Ints) -> tuple[Array, Array]:
    """Return for every row ``[E]`` squared distances from the means of its kind, and squares.

    Both are sums over the columns. One column is looked at at a time, as there are few of them and
    many rows.

    Args:
        values: ``[E, C]``.
        of: which values count ``[E, C]``.
        kind: of every row ``[E]``, not negative.
    """
    away, size = np.zeros(len(values)), np.zeros(len(values))
    for column, counts in zip(values.T, of.T, strict=True):
        mine, group = column[counts], kind[counts]
        with np.errstate(invalid="ignore"):  # of kinds that do not occur
            mean = np.bincount(group, mine) / np.bincount(group)
        away[counts] += (mine - mean[group]) ** 2
        size[counts] += mine**2
    return away, size


def _one_sign(values: Array, column: Ints) -> float:
    """Return the share of values with the sign that most of their column have."""
    _, group = np.unique(column, return_inverse=True)
    above = np.bincount(group, values > 0)
    return float(np.maximum(above, np.bincount(group) - above).sum() / len(values))


def _bins(values: Array) -> Ints:
    """Return the quantile bin of every value ``[n]``, or its number among a few different ones."""
    different, number = np.unique(values, return_inverse=True)
    if len(different) <= BINS:
        return number.reshape(-1).astype(np.int64)
    edges = np.quantile(values, np.arange(1, BINS) / BINS)
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _value_bins(values: Array, chosen: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return rows with something massive ``[k]``, and the bin of the largest of each ``[k]``.

    Values are binned among the massive ones of their head and channel.
    """
    rows = np.flatnonzero(chosen.any(1))
    size = np.where(chosen[rows], np.abs(values[rows]), -1)
    column = size.argmax(1) if len(rows) else np.zeros(0, np.int64)
    mine = values[rows, column]
    bins = np.zeros(len(rows), np.int64)
    for each in np.unique(column):
        bins[column == each] = _bins(mine[column == each])
    return rows, bins


def _known(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if np.isnan(number) else number for name, number in numbers.items()}
