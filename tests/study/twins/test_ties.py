"""Frequencies of ties, beside those that other code measured."""

import pytest

from edgescope.study.twins import ties
from edgescope.study.twins.ties import TieFrequencies, measure_ties, tie_frequencies

DRAWS = 20_000


@pytest.mark.parametrize("row", list(ties.settings())[:4], ids=str)
def test_the_published_figures_are_within_the_spread_of_both_measurements(row):
    found = measure_ties(*row, DRAWS, seed=0)
    both = (found.tied, found.earlier)
    error = sum(each.rate * (1 - each.rate) / each.total for each in both) ** 0.5
    assert abs(found.tied.rate - found.earlier.rate) < 3 * error
    if found.earlier_certified is not None:
        expected = found.earlier_certified.rate
        assert found.certified.rate == pytest.approx(expected, abs=0.012)
        assert found.explained.rate > 0.98


@pytest.fixture(scope="module")
def frequencies():
    return tie_frequencies(2_000, progress=False)


def shares(frequencies, factor, layer="GAT"):
    rows = [row for row in frequencies.rows if (row.factor, row.setting.layer) == (factor, layer)]
    return [row.tied.rate for row in rows]


def test_every_factor_is_in_the_table(frequencies):
    table = frequencies.table()
    assert set(table["factor"]) == {"tutorial", "PyG", "layer", *ties.FACTORS}
    assert table.filter(table["tied_low"] > table["tied_high"]).is_empty()


def test_more_heads_and_more_neighbours_tie_fewer_pairs(frequencies):
    for factor in ("heads", "neighbours"):
        found = shares(frequencies, factor)
        assert found == sorted(found, reverse=True)
        assert found[0] > 4 * found[-1]


def test_the_slope_changes_nothing_below_one(frequencies):
    *below, one = shares(frequencies, "slope")
    assert max(below) - min(below) < 0.005
    assert one == 1


def test_features_of_one_sign_tie_more_pairs(frequencies):
    normal, positive, negative = shares(frequencies, "features")
    assert min(positive, negative) > normal + 0.2


def test_gatv2_ties_fewer_pairs_the_more_channels_it_has(frequencies):
    v2 = shares(frequencies, "layer", "GATv2")
    assert v2 == sorted(v2, reverse=True)
    assert v2[-1] < 0.005 < min(shares(frequencies, "layer"))


def test_the_seed_decides_the_draws():
    one, same, other = (measure_ties("", "", ties.BASE, 500, seed) for seed in (0, 0, 1))
    assert one == same
    assert one.tied != other.tied


def test_a_setting_without_ties_has_no_explained_share():
    never = measure_ties("", "", ties.Setting(layer="GATv2", channels=64), 50, 0)
    row = TieFrequencies(50, 0, (never,)).table().row(0, named=True)
    assert row["tied"] == 0
    assert row["explained"] != row["explained"]  # not a number
