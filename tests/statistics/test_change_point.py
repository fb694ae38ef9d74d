"""Where the level of a series changes, and how certain that is."""

import numpy as np
import pytest

from edgescope.statistics.change_point import level_shift


def planted(n, at, by, seed):
    noise = np.random.default_rng(seed).normal(size=n)
    return noise + by * (np.arange(n) >= at)


def test_a_planted_change_lies_in_the_interval_nine_times_of_ten():
    random = np.random.default_rng(5)
    held, trials = 0, 80
    for seed in range(trials):
        at = int(random.integers(5, 56))
        found = level_shift(planted(60, at, 2.5, seed), resamples=199)
        assert found.low <= found.place <= found.high
        held += found.low <= at <= found.high
    assert held >= 0.85 * trials


def test_a_series_without_a_change_seldom_looks_as_if_it_had_one():
    found = [level_shift(planted(40, 0, 0.0, seed), resamples=99).p for seed in range(120)]
    assert sum(p <= 0.05 for p in found) <= 12  # 6 expected
    assert sum(p <= 0.5 for p in found) >= 36  # and p is not always large: 60 expected


def test_a_clear_change_is_found_where_it_was_planted():
    found = level_shift(planted(50, 20, 8.0, 1))
    assert (found.place, found.straight) == (20, False)
    assert found.after - found.before == pytest.approx(8.0, abs=0.8)


@pytest.mark.parametrize("n", [10, 13, 17, 26, 40])
def test_a_clear_change_is_beyond_chance_in_series_of_any_length(n):
    assert level_shift(planted(n, n // 2, 12.0, n)).p <= 0.01


def test_a_series_that_rises_all_along_is_called_straight():
    values = 0.1 * np.arange(60) + planted(60, 0, 0.0, 2)
    assert level_shift(values).straight


@pytest.mark.parametrize("seed", range(6))
def test_scale_and_origin_change_nothing_and_reading_backwards_mirrors_the_place(seed):
    values = planted(30, 11, 3.0, seed)
    found, moved = level_shift(values, resamples=99), level_shift(64 * values - 8, resamples=99)
    assert (moved.place, moved.low, moved.high, moved.p, moved.straight) == (
        *(found.place, found.low, found.high, found.p, found.straight),
    )
    assert level_shift(values[::-1].copy(), resamples=1).place == 30 - found.place


@pytest.mark.parametrize("values", [np.arange(9.0), np.full(50, 3.0)], ids=["few", "alike"])
def test_of_few_or_equal_values_there_is_no_change(values):
    assert level_shift(values) is None
