"""The model and the graphs of a scan, to show what is true of its molecules and what is predicted.

A scan holds neither targets nor weights, so nothing of this is known from a scan alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import nn

from edgescope.attribute.fidelity import predict
from edgescope.data.batch_loaders import loader
from edgescope.data.chemistry.molecule_dataset import MoleculeDataset
from edgescope.data.fingerprint import fingerprint
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError
from edgescope.lib.plurals import plural
from edgescope.plots.formats import number
from edgescope.scanning.result import Scan
from edgescope.scanning.scan import scan as scan_again

SHOWN_TARGETS = 3
"""Targets whose values are told of a molecule."""

ALIKE = 1e-3
"""Relative difference up to which an activation is the same: batches of other sizes add up in
another order."""


@dataclass(frozen=True, eq=False)
class Scanned:
    """The model and the graphs of a scan.

    Attributes:
        model: the model that was scanned, with the same weights.
        graphs: the graphs that were scanned, in their order, as :func:`edgescope.data.load` gives
            them.
        rejected: rows of the table that could not be used; by default those of ``graphs``.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> scan = es.scan(model, es.data.loader(graphs))
        >>> scanned = es.report.Scanned(model, graphs)
        >>> scan.report("report.html", scanned=scanned)  # doctest: +SKIP
        >>> sorted(scanned.values([3])[3][0])
        ['predicted', 'target', 'true', 'unit']
    """

    model: nn.Module
    graphs: GraphDataset
    rejected: pl.DataFrame | None = None

    def check(self, scan: Scan) -> None:
        """Refuse other graphs than those of a scan, and a model with other weights.

        Raises:
            InputError: if it is so, as far as the scan can tell.
        """
        if not isinstance(self.graphs, GraphDataset):
            raise InputError(
                f"received graphs of type {type(self.graphs).__name__}, expected a data set as "
                "es.data.load returns"
            )
        own = fingerprint(self.graphs).graphs
        if len(self.graphs) != scan.info.graphs or scan.info.is_of_other_graphs(own):
            raise InputError(
                f"received {len(self.graphs)} graphs of {self.graphs.name}, expected the "
                f"{scan.info.graphs} of {scan.info.data or 'the scan'} that were scanned; pass "
                "these, in their order"
            )
        top = scan.extremes().filter(largest="magnitude").tail(1)
        if not top.height:
            return
        graph, site = int(top["graph"][0]), str(top["site"][0])
        small = loader(self.graphs[[graph]], batch_size=1)
        again = scan_again(self.model, small, sites=[site], progress=False)
        here, there = (float(of[site].maxima[1].max()) for of in (again, scan))
        if not math.isclose(here, there, rel_tol=ALIKE):
            raise InputError(
                f"received a model whose largest magnitude at {site} in "
                f"{scan.names.called(graph)} is {here:g}, expected {there:g}, as was scanned; pass "
                "the model that was scanned, with its weights"
            )

    def values(self, graphs: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        """Return per graph, target by target, what is true and what the model predicts.

        Labels are predicted as the probability of a 1. What is not known is None: a missing
        target, the prediction of a model that gives something else than a number per target, and
        predictions that are not finite.

        Args:
            graphs: numbers of the graphs.
        """
        chosen = self.graphs[list(graphs)]
        predicted = self._predicted(chosen)
        units = getattr(self.graphs, "target_units", ()) or ("",) * len(self.graphs.target_names)
        return {
            graph: [
                {
                    "target": name,
                    "unit": unit,
                    "true": _known(chosen.y[place, column]),
                    "predicted": None if predicted is None else _known(predicted[place, column]),
                }
                for column, (name, unit) in enumerate(
                    zip(self.graphs.target_names, units, strict=True)
                )
            ]
            for place, graph in enumerate(graphs)
        }

    def told(self, graphs: Sequence[int]) -> dict[int, str]:
        """Return per graph its row, and what is true and predicted, in words.

        Args:
            graphs: numbers of the graphs.
        """
        found = {}
        for graph, values in self.values(graphs).items():
            row = self.row(graph)
            parts = [] if row is None else [f"Row {number(row)} of the data"]
            parts += [
                f"{each['target']}: true {number(each['true'])}, predicted "
                f"{number(each['predicted'])} {each['unit']}".rstrip()
                for each in values[:SHOWN_TARGETS]
            ]
            left = len(values) - SHOWN_TARGETS
            parts += [plural(left, "further target")] if left > 0 else []
            found[graph] = "; ".join(parts)
        return found

    def row(self, graph: int) -> int | None:
        """Return the row of the table that a graph was read from; None if there is no table."""
        return int(self.graphs.row[graph]) if isinstance(self.graphs, MoleculeDataset) else None

    def facts(self) -> dict[str, Any]:
        """Return the targets with their units, how the data were split, and what was left out."""
        rejected = self.rejected
        if rejected is None:
            rejected = getattr(self.graphs, "rejected", None)
        units = getattr(self.graphs, "target_units", ()) or ("",) * len(self.graphs.target_names)
        counted = (
            []
            if rejected is None
            else rejected["reason"].value_counts(sort=True).rename({"count": "rows"}).to_dicts()
        )
        return {
            "targets": [
                {"target": name, "unit": unit}
                for name, unit in zip(self.graphs.target_names, units, strict=True)
            ],
            "task": self.graphs.task,
            "split": self.graphs.split,
            "rejected": counted,
        }

    def _predicted(self, chosen: GraphDataset) -> torch.Tensor | None:
        if not len(chosen):
            return None
        try:
            found = predict(self.model, chosen)
        except InputError:  # it gives no finite number per graph
            return None
        if found.shape != chosen.y.shape or self.graphs.task == "classes":
            return None
        return found.sigmoid() if self.graphs.task == "labels" else found


def _known(value: torch.Tensor) -> float | None:
    return float(value) if bool(value.isfinite()) else None
