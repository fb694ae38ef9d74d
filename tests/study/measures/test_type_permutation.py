"""Types against the other edges of the same two elements."""

import numpy as np
import polars as pl
import pytest

from edgescope.study.measures.element_triples import triples
from edgescope.study.measures.type_permutation import standardised, type_tests


@pytest.fixture(scope="module")
def of(cell_on):
    return cell_on("triple")


@pytest.fixture(scope="module")
def tested(of):
    return type_tests(of)["type_tests"].filter(layer=0, rule="ratio", threshold=1000)


def test_shares_follow_from_the_table_of_triples(of, tested):
    counts = triples(of)["triples"].filter(layer=0, rule="ratio", threshold=1000)
    pair = ["source_element", "target_element"]
    rate = counts.group_by(pair).agg(rate=pl.col("massive").sum() / pl.col("edges").sum())
    by_bond = (
        counts.join(rate, on=pair)
        .group_by(edge_type="bond")
        .agg(
            observed=pl.col("massive").sum() / pl.col("edges").sum(),
            expected=(pl.col("edges") * pl.col("rate")).sum() / pl.col("edges").sum(),
        )
    )
    both = tested.join(by_bond, on="edge_type", suffix="_by_hand")
    assert both.height == by_bond.height == tested.height
    for name in ("observed", "expected"):
        assert both[name].to_list() == pytest.approx(both[f"{name}_by_hand"].to_list())
    difference = (tested["observed"] - tested["expected"]).to_list()
    assert tested["difference"].to_list() == pytest.approx(difference)


def test_a_planted_bond_is_found_and_the_interval_holds_the_difference(tested):
    rows = {row["edge_type"]: row for row in tested.iter_rows(named=True)}
    assert rows["triple"]["difference"] > 0 > rows["single"]["difference"]
    assert rows["triple"]["p"] < 0.05
    assert rows["triple"]["exchangeable"] > 0
    for row in rows.values():
        assert row["low"] <= row["difference"] <= row["high"]


def test_what_the_elements_decide_is_no_effect_of_the_bond():
    # Edges of the first pair are massive, those of the second are not, whatever their type.
    counts = np.array([[[8, 8], [2, 2]], [[3, 0], [5, 0]]], dtype=float)[None]
    observed, expected, difference = standardised(counts)[0].T
    assert observed.tolist() == pytest.approx([8 / 11, 2 / 7])
    assert expected.tolist() == pytest.approx(observed.tolist())
    assert difference.tolist() == pytest.approx([0, 0])


def test_one_graph_has_no_interval_and_nothing_massive_no_rows(cell_on):
    assert type_tests(cell_on("triple", graphs=1))["type_tests"]["low"].is_null().all()
    nothing = type_tests(cell_on())["type_tests"]
    assert nothing.filter(pl.col("threshold") >= 1000, layer=0).height == 0
