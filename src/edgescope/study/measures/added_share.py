"""Do massive activations sit on added edges more often than edges are added ones?"""

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch

from edgescope.statistics.bootstrap import MIN_GROUPS, bootstrap
from edgescope.study.measures.edge_crossings import crossings, edge_clusters, graphs_of
from edgescope.study.measures.measured_cell import MeasuredCell
from edgescope.study.measures.original_edges import changed_edges
from edgescope.study.measures.type_permutation import Array

if TYPE_CHECKING:
    from edgescope.interpret.topology import Ints

_SCHEMA = {
    "site": pl.String,
    "layer": pl.Int64,
    "rule": pl.String,
    "threshold": pl.Float64,
    "what": pl.String,
    "edges": pl.Int64,
    "added": pl.Int64,
    "massive": pl.Int64,
    "massive_added": pl.Int64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def added(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return the share of massive edges that are added, less the share of all edges that are.

    ``what`` says what counts: ``added`` edges; or ``retyped`` ones, whose type was drawn anew and
    is another than before, where rewiring adds none. The interval, at 95 %, comes from resampling
    graphs in groups; null where nothing is massive, or massive edges lie in fewer than 8 groups.
    No table if the data were not rewired.
    """
    dataset, changed = graphs_of(of), changed_edges(of)
    if dataset is None or changed is None:
        return {}
    cluster, groups = edge_clusters(dataset)
    rows: list[dict[str, Any]] = []
    for crossing in crossings(of):
        for limit, massive in zip(crossing.limits, crossing.massive, strict=True):
            seen = crossing.defined
            columns = [seen, seen & changed.edges, massive, massive & changed.edges]
            counts: Ints = torch.stack(
                [cluster[chosen].bincount(minlength=groups) for chosen in columns], dim=1
            ).numpy()
            found = bootstrap(
                counts, excess, generator=np.random.default_rng((of.cell.seed, len(rows)))
            )
            enough = (counts[:, 2] > 0).sum() >= MIN_GROUPS
            rows.append(
                {
                    **crossing.key,
                    "rule": limit.rule,
                    "threshold": limit.threshold,
                    "what": changed.what,
                    **dict(
                        zip(
                            ("edges", "added", "massive", "massive_added"),
                            counts.sum(0).tolist(),
                            strict=True,
                        )
                    ),
                    "difference": float(found.estimate),
                    "low": float(found.low) if enough else None,
                    "high": float(found.high) if enough else None,
                }
            )
    table = pl.DataFrame(rows, schema=_SCHEMA)
    return {"added": table.with_columns(pl.col(pl.Float64).fill_nan(None))}


def excess(counts: Array) -> Array:
    """Return the difference of shares ``[R]``; NaN without a massive edge.

    Args:
        counts: edges, added ones, massive ones, and those that are both ``[R, 4]``.
    """
    edges, added_edges, massive, both = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore"):
        difference: Array = both / massive - added_edges / edges
    return difference
