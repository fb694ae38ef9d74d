"""What the columns of a scan's tables are called where its rows are nodes."""

import polars as pl

from edgescope.plots.formats import kind_of_edge, with_article
from edgescope.scanning.site_scan import Rows

_OF_NODES = {
    "edge": "node",
    "edges": "nodes",
    "edges_over": "nodes_over",
    "edges_over_untrained": "nodes_over_untrained",
    "edges_untrained": "nodes_untrained",
    "edge_type": "node_type",
}
"""Names of columns to those of a scan of node states."""

_ENDS = ["source", "target"]


def in_words(table: pl.DataFrame, rows: Rows) -> pl.DataFrame:
    """Return a table with the names of columns that say what its rows are.

    A row that is a node has no source and no target.

    Args:
        table: a table with the names of a scan of edges.
        rows: what its rows are.
    """
    if rows == "edge":
        return table
    return table.drop(_ENDS, strict=False).rename(_OF_NODES, strict=False)


def as_edges(table: pl.DataFrame, rows: Rows) -> pl.DataFrame:
    """Return a table of :func:`in_words` with the names of a scan of edges.

    A node is its own source and target.

    Args:
        table: the table.
        rows: what its rows are.
    """
    if rows == "edge":
        return table
    table = table.rename({new: old for old, new in _OF_NODES.items()}, strict=False)
    if "edge" not in table.columns:
        return table
    order = list(table.columns)
    order[order.index("edge") + 1 : order.index("edge") + 1] = _ENDS
    return table.with_columns(pl.col("edge").alias(end) for end in _ENDS).select(order)


def type_words(name: str, rows: Rows, *, aromatic: bool | None = None) -> str:
    """Return what one row of a type is called: ``"a double bond"``, ``"a type 3 node"``.

    Args:
        name: the type.
        rows: what the row is.
        aromatic: whether it is an aromatic bond, where that is known.
    """
    if rows == "edge":
        return with_article(kind_of_edge(name, aromatic=aromatic))
    return "a node" if name == rows else with_article(f"{name} {rows}")
