"""Names of columns where rows are nodes, there and back."""

import polars as pl

from edgescope.scanning.row_words import as_edges, in_words

ROWS = pl.DataFrame(
    {
        "site": ["a"],
        "graph": [0],
        "edge": [3],
        "source": [3],
        "target": [3],
        "head": [0],
        "edge_type": ["C"],
    }
)


def test_a_node_is_one_column():
    found = in_words(ROWS, "node")
    assert found.columns == ["site", "graph", "node", "head", "node_type"]
    assert as_edges(found, "node").equals(ROWS)


def test_counts():
    table = pl.DataFrame({"edges": [1], "edges_over": [2], "edges_over_untrained": [3]})
    found = in_words(table, "node")
    assert found.columns == ["nodes", "nodes_over", "nodes_over_untrained"]
    assert as_edges(found, "node").equals(table)


def test_a_scan_of_edges_stays_as_it_is():
    assert in_words(ROWS, "edge") is ROWS
    assert as_edges(ROWS, "edge") is ROWS
