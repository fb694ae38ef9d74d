"""The order of kept activations: the same however the graphs were spread over batches.

Edges of a molecule come in pairs, and molecules share fragments, so equal ratios are common. A
total order decides which of them is kept when not all can be, and which is called the largest.
"""

import polars as pl

PLACE = ("graph", "edge", "source", "target", "head", "channel")
"""Columns that say which activation a row is."""

_TIES = (*PLACE, "edge_type", "value")
"""Decide between equal ratios; the value only where several models saw the same activation."""


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
