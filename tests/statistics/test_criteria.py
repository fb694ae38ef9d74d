"""Criteria: what is called massive."""

import polars as pl
import pytest

from edgescope.errors import InputError
from edgescope.statistics import Criterion, criterion

ROWS = pl.DataFrame({"ratio": [999.0, 1000.0, 1001.0, 5000.0], "value": [1e6, 1e6, -2.0, -100.5]})


def test_the_published_rule_asks_for_a_ratio_strictly_above_1000():
    assert criterion("paper2025").select(ROWS)["ratio"].to_list() == [1001.0, 5000.0]


def test_the_rule_for_language_models_asks_for_a_magnitude_above_100_as_well():
    assert criterion("sun2024").select(ROWS)["ratio"].to_list() == [5000.0]


def test_a_criterion_of_ones_own_is_taken_as_it_is():
    own = Criterion("mine", ratio=4000.0)
    assert criterion(own) is own


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="expected one of paper2025, sun2024"):
        criterion("paper2024")


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_bounds_that_select_everything_or_nothing_are_refused(ratio):
    with pytest.raises(ValueError, match="positive finite ratio"):
        Criterion("broken", ratio=ratio)
