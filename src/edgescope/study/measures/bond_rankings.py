"""The bonds of some graphs in the order of their importances, to be compared between trainings."""

import numpy as np
import polars as pl

from edgescope.attribute.bonds import Bonds, Floats, Ints, bonds
from edgescope.statistics.ranks import ordered
from edgescope.study.measures.attribution_quality import explained_graphs, importances_of
from edgescope.study.measures.measured_cell import MeasuredCell

GRAPHS = 25
"""Graphs whose bonds are ranked, the same in all cells of a data set: fewer than are explained by
the measure ``attribution``, as every bond is a row."""


def rankings(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return the place of every bond among those of its graph, by every method.

    ``bond`` is its number in its graph, and ``place`` how many bonds of the graph are more
    important, so that equal importances have equal places. Cells of one variant that differ in
    their seed have the same bonds, so their order can be compared from these rows alone. There is
    no table where no method can explain the model.
    """
    some = explained_graphs(of, GRAPHS)
    if some is None:
        return {}
    held = bonds(some)
    number = np.arange(len(held.graph)) - (np.cumsum(held.count) - held.count)[held.graph]
    rows = [
        pl.DataFrame(
            {
                "method": [method] * len(number),
                "graph": held.graph,
                "bond": number,
                "place": _places(held.merged(importance.edge), held),
            },
            {"method": pl.String, "graph": pl.UInt16, "bond": pl.UInt32, "place": pl.UInt32},
        )
        for method, importance in importances_of(of, some).items()
    ]
    return {"rankings": pl.concat(rows)} if rows else {}


def _places(values: Floats, of: Bonds) -> Ints:
    """Return how many bonds of the same graph have more ``[B]``."""
    order, start, tie = ordered(-values, of.graph)
    first = np.unique(tie, return_index=True)[1]
    place = np.empty(len(values), dtype=np.int64)
    place[order] = first[tie] - start
    return place
