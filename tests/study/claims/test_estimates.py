"""Numbers over seeds and draws, against independent formulas."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from edgescope.study.claims.estimates import of_draws, over_pairs, over_seeds, ratio_of_draws

VALUES = st.lists(st.floats(-100, 100), min_size=3, max_size=10)


@given(VALUES, st.floats(-100, 100))
def test_the_interval_and_the_p_value_over_seeds_are_those_of_students_test(values, truth):
    values = np.round(values, 3)
    if np.ptp(values) == 0:
        return
    found = over_seeds(dict(enumerate(values.tolist())))
    expected = ttest_1samp(values, truth)
    ends = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.p_at(truth) == pytest.approx(expected.pvalue, abs=1e-12)


@given(st.lists(st.sampled_from([None, math.nan, math.inf, -math.inf]), max_size=4), VALUES)
def test_seeds_without_a_number_are_left_out_and_counted(nothing, values):
    every = dict(enumerate([*nothing, *values]))
    found, alone = over_seeds(every), over_seeds(dict(enumerate(values)))
    assert (found.lost, found.units) == (len(nothing), len(values))
    assert (found.value, found.low, found.high) == (alone.value, alone.low, alone.high)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 1.1], [1.0, None, 2.0]])
def test_fewer_than_three_seeds_have_no_interval(values):
    found = over_seeds(dict(enumerate(values)))
    assert math.isnan(found.low)
    assert found.p_at is None
    assert "3 are needed" in found.problem


@given(st.lists(st.floats(-10, 10), min_size=4, max_size=8), st.integers(0, 99))
def test_of_numbers_that_add_up_over_two_seeds_the_pairs_say_what_the_seeds_do(values, seed):
    """Each pair has the mean of its two seeds, so the mean over pairs is that over seeds."""
    values = dict(enumerate(np.round(values, 3).tolist()))
    pairs = {(a, b): (values[a] + values[b]) / 2 for a, b in combinations(values, 2)}
    found, alone = over_pairs(pairs), over_seeds(values)
    assert (found.value, found.units) == (pytest.approx(alone.value, abs=1e-9), alone.units)
    assert found.values == pytest.approx(alone.values, abs=1e-9)  # pseudo-values
    pairs[0, 1] = math.nan
    assert math.isfinite(over_pairs(pairs).low)
    noise = np.random.default_rng(seed).normal(size=len(pairs))
    loud = dict(zip(pairs, noise.tolist(), strict=True))
    assert over_pairs(loud).value == pytest.approx(noise.mean())


@pytest.mark.parametrize("seeds", [0, 1, 2])
def test_pairs_of_fewer_than_three_seeds_have_no_interval(seeds):
    found = over_pairs(dict.fromkeys(combinations(range(seeds), 2), 0.5))
    assert math.isnan(found.low)
    assert "3 are needed" in found.problem


def test_the_interval_of_a_ratio_of_shares_holds_it_as_often_as_it_says():
    generator = np.random.default_rng(0)
    draws, shares = 500, (0.2, 0.05)
    held = 0
    for _ in range(400):
        first, second = (generator.binomial(draws, share) / draws for share in shares)
        found = ratio_of_draws(first, second, draws)
        held += found.low < math.log2(shares[0] / shares[1]) < found.high
    assert 0.92 < held / 400 < 0.98


@given(st.integers(0, 50), st.floats(0.01, 0.99))
def test_a_share_that_is_told_apart_by_its_interval_is_so_by_the_exact_test(count, truth):
    found = of_draws(count / 50, 50)
    # Wilson's interval and the binomial test differ a little at the edge.
    if found.p_at(truth) > 0.15:
        assert found.low < truth < found.high
    if found.p_at(truth) < 0.01:
        assert not found.low < truth < found.high
