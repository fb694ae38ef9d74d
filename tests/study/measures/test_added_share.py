"""Massive edges and added edges: planted on all added ones, on none, and on a known part."""

import numpy as np
import pytest

from edgescope.study.measures.added_share import added, excess

NODE = {"how": "virtual_node"}


def at_first(of):
    return added(of)["added"].filter(layer=0, rule="ratio", threshold=1000).row(0, named=True)


@pytest.mark.parametrize(("planted", "share"), [("virtual", 1.0), ("single", 0.0)])
def test_all_or_none_of_the_massive_edges_are_added(cell_on, planted, share):
    of = cell_on(planted, NODE)
    row = at_first(of)
    atoms = sum(len(graph.x) for graph in of.part) - len(of.part)
    assert (row["what"], row["added"]) == ("added", 2 * atoms)
    assert row["edges"] == len(of.part.edge_attr)
    assert row["massive_added"] == share * row["massive"]
    assert row["difference"] == pytest.approx(share - row["added"] / row["edges"])
    assert row["low"] <= row["difference"] <= row["high"]


def test_types_drawn_anew_are_counted_instead_where_no_edge_is_added(cell_on):
    of = cell_on("single", {"how": "shuffle_types"})
    row = at_first(of)
    assert row["what"] == "retyped"
    assert 0 < row["added"] < row["edges"]
    # What is massive are the single bonds of now; those that were none before are the retyped ones.
    assert row["massive"] == (of.part.edge_types == of.part.edge_type_names.index("single")).sum()
    assert 0 < row["massive_added"] < row["massive"]


def test_where_nothing_is_massive_there_is_no_number(cell_on):
    of = cell_on(None, NODE)
    table = added(of)["added"]
    none = table.filter(massive=0)
    assert none.height
    assert none.select("difference", "low", "high").null_count().row(0) == (none.height,) * 3


def test_data_that_are_not_rewired_have_no_table(cell_on):
    assert added(cell_on("single")) == {}


def test_shares_of_a_table_by_hand():
    found = excess(np.array([[10.0, 4, 5, 3], [10, 4, 0, 0]]))
    assert found[0] == pytest.approx(3 / 5 - 4 / 10)
    assert np.isnan(found[1])
