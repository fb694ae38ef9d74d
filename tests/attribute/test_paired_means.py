"""Intervals of means over graphs cover, and pairing takes out what graphs have in common."""

import numpy as np
import pytest

from edgescope.attribute.paired_means import mean_of, mean_over_graphs, paired_difference


def test_intervals_cover_the_true_mean_at_the_nominal_rate():
    random = np.random.default_rng(0)
    found = [mean_over_graphs(random.exponential(size=60), resamples=300) for _ in range(400)]
    covered = np.mean([mean.low <= 1 <= mean.high for mean in found])
    assert 0.90 <= covered <= 0.98


def test_graphs_without_a_value_are_left_out():
    values = np.array([np.nan, *range(20), np.nan], dtype=np.float64)
    found, known = mean_over_graphs(values, seed=3), mean_over_graphs(values[1:-1], seed=3)
    assert found == known
    assert (found.value, found.graphs) == (9.5, 20)


def test_few_graphs_have_a_mean_but_no_interval():
    found = mean_over_graphs(np.arange(7.0))
    assert found.value == 3
    assert np.isnan([found.low, found.high]).all()
    assert found.sign == 0


def test_what_two_have_in_common_cancels_in_their_difference():
    random = np.random.default_rng(0)
    hard = 100 * random.normal(size=50)
    better = hard + 1 + 0.1 * random.normal(size=50)
    assert paired_difference(better, hard).sign == 1
    assert paired_difference(hard, better).sign == -1
    assert mean_over_graphs(better - hard.mean()).sign == 0


def test_the_mean_of_rows_leaves_out_what_is_missing():
    rows = [np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])]
    assert mean_of(rows, 3).tolist() == pytest.approx([2, 5, np.nan], nan_ok=True)
