"""Criteria: what is called massive."""

import json
from math import inf, nan

import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.scanning.criteria import (
    KINDS,
    Bounds,
    Calibrated,
    CalibratedCriterion,
    Criterion,
    criterion,
    read_rule,
)
from support.own_criterion import product
from support.scan_cases import SITES
from support.scan_equality import differences, numbered_graphs, small_model

ROWS = pl.DataFrame({"ratio": [999.0, 1000.0, 1001.0, 5000.0], "value": [1e6, 1e6, -2.0, -100.5]})

numbers = st.floats(0.01, 1e4)
limits = st.builds(Bounds, numbers, numbers | st.just(inf)) | st.builds(
    Bounds, numbers | st.just(inf), numbers
)
KIND = {
    "bounds": st.builds(Criterion, st.just("bounds"), numbers, numbers | st.just(0.0))
    | st.builds(Criterion, st.just("large"), st.just(0.0), numbers),
    "calibrated": st.fixed_dictionaries(dict.fromkeys(("a", "b", *SITES), limits)).map(
        lambda found: CalibratedCriterion("per site", 1e-4, 0.05, found)
    ),
}
"""How rules of every kind are drawn; the others are made of these."""


def composed(single):
    """Draw rules of these, and compositions of them."""
    return st.recursive(
        single,
        lambda inner: (
            st.builds(lambda one, other: one & other, inner, inner)
            | st.builds(lambda one, other: one | other, inner, inner)
        ),
        max_leaves=4,
    )


rules = composed(st.one_of(*KIND.values()))
GRAPHS = numbered_graphs(8)
MODEL = small_model(factor=3000.0)

rows = st.lists(
    st.tuples(st.sampled_from("ab"), numbers | st.sampled_from([nan, inf]), st.floats(-1e4, 1e4)),
    max_size=20,
).map(
    lambda found: pl.DataFrame(
        found,
        schema={"site": pl.String, "ratio": pl.Float32, "value": pl.Float32},
        orient="row",
    ).with_row_index()
)


def chosen(rule, table):
    return set(rule.select(table)["index"])


def test_the_published_rule_asks_for_a_ratio_strictly_above_1000():
    assert criterion("paper2025").select(ROWS)["ratio"].to_list() == [1001.0, 5000.0]


def test_the_rule_for_language_models_asks_for_a_magnitude_above_100_as_well():
    assert criterion("sun2024").select(ROWS)["ratio"].to_list() == [5000.0]


def test_a_criterion_of_ones_own_is_taken_as_it_is():
    own = Criterion("mine", ratio=4000.0)
    assert criterion(own) is own


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="expected one of paper2025, sun2024, calibrated"):
        criterion("paper2024")


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_bounds_that_select_everything_or_nothing_are_refused(ratio):
    with pytest.raises(ValueError, match="positive finite ratio"):
        Criterion("broken", ratio=ratio)


@given(rules, rules, rows)
def test_composed_rules_are_the_boolean_algebra_of_their_rows(first, second, table):
    one, other = chosen(first, table), chosen(second, table)
    assert chosen(first & second, table) == one & other
    assert chosen(first | second, table) == one | other


@given(rules, rows)
def test_every_massive_row_exceeds_one_of_the_bounds(rule, table):
    for row in rule.select(table).iter_rows(named=True):
        floor = rule.bounds(row["site"])
        assert row["ratio"] > floor.ratio or abs(row["value"]) > floor.magnitude


def drawn(data):
    """Draw a rule, of which parts are of a class that this package has not."""
    own = st.builds(product(), numbers)
    return data.draw(composed(st.one_of(*KIND.values(), own)))


def test_every_kind_that_ships_is_drawn():
    shipped = {kind for kind, of in KINDS if of.__module__.startswith("edgescope.")}
    assert shipped == {*KIND, "both", "either"}


@given(st.data(), rows)
def test_a_rule_comes_back_from_what_is_stored_of_it(data, table):
    rule = drawn(data)
    again = read_rule(json.loads(json.dumps(rule.describe())))
    assert again == rule
    assert again.name == rule.name
    assert again.in_words() == rule.in_words() != ""
    assert chosen(again, table) == chosen(rule, table)


@given(st.data(), rows)
def test_every_row_of_a_rule_exceeds_its_limit(data, table):
    """What ``value="clip"`` leaves of an activation is not massive."""
    rule = drawn(data)
    for row in rule.select(table.filter(pl.col("ratio").is_finite())).iter_rows(named=True):
        median = torch.tensor([abs(row["value"]) / row["ratio"]], dtype=torch.float64)
        limit = float(rule.limit(row["site"], median))
        assert limit <= abs(row["value"]) * (1 + 1e-6)


@settings(max_examples=10)
@given(st.data())
def test_parts_scanned_by_a_rule_merge_to_the_whole(data):
    rule, cut = drawn(data), data.draw(st.integers(1, len(GRAPHS) - 1))
    options = {"criterion": rule, "edge_type_names": ["a", "b", "c"], "progress": False}
    whole, *parts = (
        es.scan(MODEL, DataLoader(graphs, 4), **options)
        for graphs in (GRAPHS, GRAPHS[:cut], GRAPHS[cut:])
    )
    assert not differences(es.merge_scans(parts), whole)
    assert es.merge_scans(parts).massive().equals(whole.massive())


def test_a_ratio_that_is_not_defined_exceeds_no_bound():
    table = pl.DataFrame({"ratio": [nan], "value": [1e6]})
    assert criterion("paper2025").select(table).is_empty()
    assert Criterion("large", ratio=0, magnitude=10).select(table).height == 1


def test_a_calibrated_rule_asks_for_an_ensemble():
    both = Calibrated() | criterion("paper2025")
    assert both.members_needed == 5
    for rule in (Calibrated(), both):
        with pytest.raises(InputError, match=r"scan with baseline=es\.Untrained"):
            rule.resolve(None)


def test_a_site_without_thresholds_is_refused():
    rule = CalibratedCriterion("calibrated", 1e-4, 0.05, {"a": Bounds(1.0, 1.0)})
    with pytest.raises(InputError, match="has no thresholds for b, only for a"):
        rule.bounds("b")


@pytest.mark.parametrize("rates", [{"rate": 0.0}, {"rate": 1.0}, {"fdr": nan}])
def test_rates_that_are_no_rates_are_refused(rates):
    with pytest.raises(InputError, match="expected a number between 0 and 1"):
        Calibrated(**rates)


def test_an_unknown_description_is_refused():
    with pytest.raises(ValueError, match="unknown kind of criterion 'oracle'"):
        read_rule({"kind": "oracle"})
