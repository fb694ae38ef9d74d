"""Massive activations as edge importances, beside occlusion, gradients, attention and chance."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from edgescope.attribute.bonds import Bonds, Bools, Floats, bonds, places, share_of
from edgescope.attribute.curves import Removal
from edgescope.attribute.methods import Settings, importances, make
from edgescope.attribute.outputs import target_of
from edgescope.attribute.stability import TOP
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError
from edgescope.lib.task_metrics import TASK_OF
from edgescope.statistics.bootstrap import mean_over_graphs
from edgescope.statistics.ranks import roc_area
from edgescope.study.measures.edge_crossings import drawn_graphs, graphs_of
from edgescope.study.measures.measured_cell import MeasuredCell

if TYPE_CHECKING:
    from edgescope.attribute.method import Importance

METHODS = ("massive", "attention", "integrated_gradients", "occlusion", "random")
"""Methods that are compared, as :data:`edgescope.attribute.METHODS` calls them."""

GRAPHS = 100
"""Graphs that are explained, the same in all cells of a data set."""

SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0)
"""Shares of the bonds that are removed."""

STEPS = 16
"""Steps of integrated gradients."""

_SCHEMA = {
    "method": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "graphs": pl.Int64,
}


def attribution(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return how good the importances of every method are, the mean over graphs.

    Of every ``measure`` more is better:

    - ``fidelity+ area``: how far the prediction moves when the most important bonds are removed,
      on average over shares of them; see :class:`edgescope.attribute.Removal`.
    - ``fidelity gap``: that, less how far it moves when the least important are removed.
    - ``AUROC against occlusion``: how well the importances find the fifth of a graph's bonds
      whose removal one by one changes the prediction most; occlusion itself has 1.

    The intervals, at 95 %, are over graphs. A method that cannot explain the model has no rows,
    and there is no table where all predictions are equal or occlusion is refused.
    """
    some = explained_graphs(of, GRAPHS)
    if some is None:
        return {}
    try:
        removal = Removal(of.model, some, shares=SHARES, seed=of.cell.seed)
    except InputError:  # predictions that are all equal, or not finite
        return {}
    found = importances_of(of, some)
    if "occlusion" not in found:
        return {}
    held = bonds(some)
    order = places(held.merged(found["occlusion"].edge), held, of.cell.seed)
    best = order < share_of(TOP, held.count)[held.graph]
    rows = []
    for name, importance in found.items():
        curves = removal.curves(importance.edge, progress=False)
        plus, minus = (curves.area(side) for side in ("plus", "minus"))
        values = {
            "fidelity+ area": plus,
            "fidelity gap": plus - minus,
            "AUROC against occlusion": _areas(held, held.merged(importance.edge), best),
        }
        for measure, of_graph in values.items():
            mean = mean_over_graphs(of_graph, seed=of.cell.seed)
            row = {"value": mean.value, "low": mean.low, "high": mean.high, "graphs": mean.graphs}
            rows.append({"method": name, "measure": measure, **row})
    table = pl.DataFrame(rows, schema=_SCHEMA)
    return {"attribution": table.with_columns(pl.col(pl.Float64).fill_nan(None))}


def explained_graphs(of: MeasuredCell, most: int) -> GraphDataset | None:
    """Return the first ``most`` graphs to explain, the same in all cells; None without any."""
    dataset = graphs_of(of)
    if dataset is None or not len(dataset):
        return None
    task = TASK_OF[of.cell.recipe.loss]
    return replace(dataset.subset(drawn_graphs(dataset, most)), task=task)


def importances_of(of: MeasuredCell, some: GraphDataset) -> "dict[str, Importance]":
    """Return the importances of every edge by each of :data:`METHODS` that can explain the model.

    Args:
        of: the cell.
        some: from :func:`explained_graphs`.
    """
    task = TASK_OF[of.cell.recipe.loss]
    settings = Settings(target_of(task), task, steps=STEPS, seed=of.cell.seed)
    found: dict[str, Importance] = {}
    for name in METHODS:
        try:
            found |= importances(of.model, some, [make(name, settings)], progress=False)
        except InputError:  # the model has no attention, or no embedding of edges
            continue
    return found


def _areas(held: Bonds, values: Floats, best: Bools) -> Floats:
    """Return the area under the ROC curve of every graph ``[G]``, NaN where all or none is best."""
    areas: Floats = roc_area(values, best.astype(np.int64), None, held.graph, held.graphs)[0]
    return areas
