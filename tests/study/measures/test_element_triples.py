"""Triples of two elements and a bond, counted by hand."""

from collections import Counter

import polars as pl
from rdkit import Chem

from edgescope.study.measures.edge_crossings import crossings
from edgescope.study.measures.element_triples import elements, triples
from edgescope.study.measures.site_counts import types

NAMES = {1.0: "single", 2.0: "double", 3.0: "triple"}


def by_hand(smiles):
    found = Counter()
    for bond in (bond for text in smiles for bond in Chem.MolFromSmiles(text).GetBonds()):
        ends = [atom.GetSymbol() for atom in (bond.GetBeginAtom(), bond.GetEndAtom())]
        for source, target in (ends, ends[::-1]):
            found[source, target, NAMES[bond.GetBondTypeAsDouble()]] += 1
    return dict(found)


def test_edges_are_counted_by_their_elements_and_massive_ones_are_those_of_the_planted_bond(
    cell_on,
):
    of = cell_on("triple")
    table = triples(of)["triples"].filter(layer=0, rule="ratio", threshold=1000)
    rows = table.select("source_element", "target_element", "bond", "edges", "massive").rows()
    expected = by_hand(of.part.smiles)
    assert {row[:3]: row[3] for row in rows} == expected
    massive = {key: count if key[2] == "triple" else 0 for key, count in expected.items()}
    assert {row[:3]: row[4] for row in rows} == massive


def test_triples_of_a_bond_add_up_to_its_type(cell_on):
    of = cell_on("single")
    key = ["site", "rule", "threshold", "edge_type"]
    found = triples(of)["triples"].rename({"bond": "edge_type"})
    found = found.group_by(key).agg(pl.col("edges").sum(), pl.col("massive").sum())
    both = types(of)["types"].join(found, on=key, suffix="_triples")
    assert both.height == found.height > 0
    assert both["massive"].equals(both["massive_triples"])
    assert both["edges"].equals(both["edges_triples"])


def test_a_site_has_one_ratio_the_largest_that_is_exceeded_up_to_1000(cell_on):
    of = cell_on("single")
    expected = {
        found.site: max(
            limit.threshold
            for limit in found.limits
            if limit.threshold <= 1000 and of.scan[found.site].edges_over(limit.threshold)[0].any()
        )
        for found in crossings(of)
        if of.scan[found.site].edges_over(300)[0].any()
    }
    rows = triples(of)["triples"].select("site", "threshold").unique().rows()
    assert dict(rows) == expected
    assert len(rows) == len(expected)


def test_without_a_massive_edge_there_are_no_rows(cell_on):
    found = triples(cell_on())["triples"].filter(layer=0)
    assert found.filter(pl.col("threshold") >= 1000).height == 0


def test_a_type_of_nodes_that_is_no_element_is_its_own(cell_on):
    of = cell_on("virtual", {"how": "virtual_node"})
    codes, names = elements(of.part)
    assert {"C", "N", "O", "virtual"} <= set(names)
    assert (codes == names.index("virtual")).sum() == len(of.part)
