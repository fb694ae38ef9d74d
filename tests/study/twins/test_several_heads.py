"""All heads degenerate, against the power of one."""

import pytest

from edgescope.lib.errors import InputError
from edgescope.study.twins.several_heads import many_heads


@pytest.fixture(scope="module")
def rows():
    table = many_heads((1, 2, 4), 10_000, progress=False).table()
    return {(row["features"], row["heads"]): row for row in table.iter_rows(named=True)}


@pytest.mark.parametrize("features", ["tutorial", "fixed"])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_on_given_features_heads_are_independent(rows, features, heads):
    assert rows[features, heads]["independent"]


def test_over_random_features_all_heads_are_degenerate_more_often(rows):
    row = rows["random", 4]
    assert not row["independent"]
    assert row["every_low"] > row["predicted_high"]


def test_the_prediction_is_the_power_of_one(rows):
    for (_, heads), row in rows.items():
        assert row["predicted"] == pytest.approx(row["one"] ** heads)


def test_no_heads_are_refused():
    with pytest.raises(InputError, match="heads=0"):
        many_heads((0,), 10, progress=False)
