"""Criteria: what is called massive."""

from math import inf, nan

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.lib.errors import InputError
from edgescope.statistics import Calibrated, Criterion, criterion
from edgescope.statistics.criteria import Bounds, CalibratedCriterion, read_rule

ROWS = pl.DataFrame({"ratio": [999.0, 1000.0, 1001.0, 5000.0], "value": [1e6, 1e6, -2.0, -100.5]})

numbers = st.floats(0.01, 1e4)
per_site = st.builds(
    lambda a, b: CalibratedCriterion("per site", 1e-4, 0.05, {"a": a, "b": b}),
    st.builds(Bounds, numbers, numbers | st.just(inf)),
    st.builds(Bounds, numbers | st.just(inf), numbers),
)
bounds = st.builds(Criterion, st.just("bounds"), numbers, numbers | st.just(0.0))
magnitude_only = st.builds(Criterion, st.just("large"), st.just(0.0), numbers)
rules = st.recursive(
    per_site | bounds | magnitude_only,
    lambda inner: st.tuples(inner, inner, st.booleans()).map(
        lambda found: found[0] & found[1] if found[2] else found[0] | found[1]
    ),
    max_leaves=4,
)
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


@given(rules, rows)
def test_a_rule_comes_back_from_its_description(rule, table):
    again = read_rule(rule.describe())
    assert again == rule
    assert again.name == rule.name
    assert chosen(again, table) == chosen(rule, table)


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
