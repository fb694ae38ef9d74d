"""Intervals from resampling graphs cover what they should, where those from edges do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from edgescope.statistics.bootstrap import (
    bootstrap,
    mean_of,
    mean_over_graphs,
    paired_difference,
    percentile_interval,
    small_sample_factor,
)
from edgescope.statistics.sketch_layout import GROUPS


def second_bin(counts):
    """Return the share of the counts in the second of two bins."""
    return counts[:, 1] / counts.sum(-1)


def dependent_graphs(random, graphs, rate, edges=30):
    """Return counts ``[64, 2]`` of edges below and above, alike within a graph."""
    # Beta-distributed rates per graph: the correlation of two edges of a graph is 1/3.
    above = random.binomial(edges, random.beta(2 * rate, 2 * (1 - rate), graphs))
    counts = np.zeros((GROUPS, 2), dtype=np.int64)
    np.add.at(counts, np.arange(graphs) % GROUPS, np.stack([edges - above, above], axis=1))
    return counts


@pytest.mark.parametrize(("graphs", "rate"), [(2000, 0.02), (640, 0.3), (20, 0.3)])
def test_intervals_cover_where_the_edges_of_a_graph_are_alike(graphs, rate):
    random = np.random.default_rng(0)
    covered = naive = 0
    trials = 400
    for _ in range(trials):
        counts = dependent_graphs(random, graphs, rate)
        found = bootstrap(counts, second_bin, generator=random, resamples=400)
        covered += found.low <= rate <= found.high
        below, above = counts.sum(0).tolist()
        interval = binomtest(above, above + below).proportion_ci(0.95, "wilson")
        naive += interval.low <= rate <= interval.high
    # The standard error of a coverage of 95 % from 400 trials is 1.1 %.
    assert 0.915 <= covered / trials <= 0.985
    assert naive / trials < 0.6


@given(seed=st.integers(0, 2**32 - 1), groups=st.integers(8, 64))
@settings(deadline=None, max_examples=12)
def test_the_spread_of_the_replicates_is_that_of_independent_groups(seed, groups):
    random = np.random.default_rng(seed)
    sizes = random.integers(100, 200, groups)
    above = random.binomial(sizes, random.beta(2, 3, groups))
    counts = np.zeros((GROUPS, 2), dtype=np.int64)
    counts[:groups] = np.stack([sizes - above, above], axis=1)
    found = bootstrap(counts, second_bin, generator=random, resamples=4000)
    # The linearised standard error of a ratio of sums (Cochran, Sampling Techniques, 2.11).
    residual = above - found.estimate * sizes
    expected = np.sqrt((residual**2).sum()) / sizes.sum()
    assert found.replicates.std() == pytest.approx(expected, rel=0.1)
    assert found.groups == groups


def test_samples_of_the_same_graphs_are_drawn_together():
    random = np.random.default_rng(0)
    counts = dependent_graphs(random, 500, 0.3)
    pair = np.stack([counts, counts], axis=1)
    found = bootstrap(pair, lambda c: second_bin(c[:, 0]) - second_bin(c[:, 1]), generator=random)
    assert found.low == found.estimate == found.high == 0


def test_the_same_seed_gives_the_same_interval():
    counts = dependent_graphs(np.random.default_rng(0), 500, 0.3)
    one, other = (
        bootstrap(counts, second_bin, generator=np.random.default_rng(7)) for _ in range(2)
    )
    assert (one.low, one.high) == (other.low, other.high)


@pytest.mark.parametrize("graphs", [0, 1, 7])
def test_too_few_groups_give_an_estimate_without_an_interval(graphs):
    counts = np.zeros((GROUPS, 2), dtype=np.int64)
    counts[:graphs] = (1, 3)
    with np.errstate(invalid="ignore"):
        found = bootstrap(counts, second_bin, generator=np.random.default_rng(0))
    assert np.isnan([found.low, found.high]).all()
    assert f"graphs in {graphs} groups, expected 8 or more" in found.problem
    assert not graphs or found.estimate == 0.75


def test_a_statistic_without_a_value_in_many_resamples_has_no_interval():
    counts = np.zeros((GROUPS, 2), dtype=np.int64)
    counts[:, 0] = 1
    counts[3] = (0, 2)

    def present(drawn):
        return np.where(drawn[:, 1] > 0, drawn[:, 1], np.nan)

    found = bootstrap(counts, present, generator=np.random.default_rng(0))
    assert np.isnan([found.low, found.high]).all()
    assert "5% of resamples have no value" in found.problem


def test_rows_of_numbers_get_an_interval_each():
    counts = dependent_graphs(np.random.default_rng(0), 500, 0.3)
    found = bootstrap(
        counts, lambda c: c / c.sum(-1, keepdims=True), generator=np.random.default_rng(0)
    )
    assert found.low.shape == (2,)
    np.testing.assert_allclose(found.low, 1 - found.high[::-1], atol=0.003)


def test_infinite_replicates_stand_at_the_end_of_the_interval():
    replicates = np.array([1.0] * 90 + [np.inf] * 10)
    low, high = percentile_interval(replicates, 64)
    assert (low, high) == (1, np.inf)


def test_the_small_sample_factor_is_that_of_student():
    assert small_sample_factor(8) == pytest.approx(np.sqrt(8 / 7) * 2.364624 / 1.959964, rel=1e-6)


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
