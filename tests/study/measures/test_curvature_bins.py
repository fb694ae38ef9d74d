"""Bins of curvature against the groups of interpretation, for massive edges that are planted."""

import pytest

import edgescope as es
from edgescope.study.measures.curvature_bins import curvature


def test_bins_hold_what_the_groups_hold(cell_on):
    of = cell_on("triple")
    table = curvature(of)["curvature"].filter(layer=0)
    kind = es.interpret.edge_groups(of.part, by=["curvature"], progress=False)["curvature"]
    planted = of.part.edge_types == of.part.edge_type_names.index("triple")
    assert table["bin"].to_list() == list(range(len(kind.names)))
    assert table["range"].to_list() == list(kind.names)
    assert table["edges"].to_list() == kind.member.sum(0).tolist()
    assert table["massive"].to_list() == kind.member[planted].sum(0).tolist()
    # Among edges of one type nothing is left for curvature to explain.
    assert table["p"].to_list() == [1.0] * table.height
    assert table["expected"].to_list() == pytest.approx(table["massive"].to_list())


def test_every_cell_has_one_threshold(cell_on):
    table = curvature(cell_on("single"))["curvature"]
    assert table.select("rule", "threshold").unique().rows() == [("ratio", 1000.0)]


def test_where_nothing_is_massive_there_are_no_rows(cell_on):
    assert curvature(cell_on(graphs=1))["curvature"].filter(layer=0).height == 0
