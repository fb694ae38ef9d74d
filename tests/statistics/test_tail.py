"""The tail beyond the data, against scipy on known laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import genpareto, kstest, lognorm

from edgescope.statistics import LogBins
from edgescope.statistics.tail import fit_tail

BINS = LogBins(1000.0)


def binned(values, threshold):
    """Return the bins from a bin edge on, their counts, and that edge."""
    start = int(np.searchsorted(BINS.edges, threshold))
    counts, _ = np.histogram(values, np.append(BINS.edges[start:-1], 1e300))
    return BINS.edges[start:-1], counts[:-1].astype(float)


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.25, 0.5])
def test_the_law_of_known_exceedances_is_found(shape):
    threshold = float(BINS.edges[np.searchsorted(BINS.edges, 10.0)])
    law = genpareto(shape, scale=0.4)
    values = threshold * (1 + law.rvs(4000, random_state=np.random.default_rng(1)))
    tail = fit_tail(*binned(values, threshold), total=100_000)
    # Four standard errors of maximum likelihood (Coles 2001, section 4.2).
    assert tail.shape == pytest.approx(shape, abs=4 * (1 + shape) / np.sqrt(4000))
    assert tail.scale == pytest.approx(0.4, rel=4 * np.sqrt(2 * (1 + shape) / 4000))
    assert tail.exceedances == 4000
    assert tail.share == 0.04
    expected = threshold * (1 + law.isf(1e-3))
    assert tail.survival(np.array([expected]))[0] == pytest.approx(4e-5, rel=0.6)


def test_the_fit_is_that_of_scipy_on_the_raw_exceedances():
    threshold = float(BINS.edges[np.searchsorted(BINS.edges, 10.0)])
    excess = genpareto(0.2, scale=0.3).rvs(3000, random_state=np.random.default_rng(2))
    shape, _, scale = genpareto.fit(excess, floc=0)
    tail = fit_tail(*binned(threshold * (1 + excess), threshold), total=3000)
    # The penalty of heavy tails moves the shape by far less than its standard error of 0.02.
    assert tail.shape == pytest.approx(shape, abs=0.005)
    assert tail.scale == pytest.approx(scale, rel=0.01)
    raw = kstest(excess, genpareto(tail.shape, scale=tail.scale).cdf).statistic
    assert tail.ks == pytest.approx(raw, abs=0.005)


def test_a_quantile_beyond_the_data_is_that_of_the_law():
    law = lognorm(0.5)
    threshold = float(BINS.edges[np.searchsorted(BINS.edges, law.isf(0.01))])
    values = law.rvs(100_000, random_state=np.random.default_rng(3))
    tail = fit_tail(*binned(values[values > threshold], threshold), total=len(values))
    for rate in (1e-4, 1e-5, 1e-6):
        assert tail.survival(law.isf([rate]))[0] == pytest.approx(rate, rel=0.7)


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=30), st.integers(1, 10_000))
def test_any_exceedances_give_a_falling_survival_or_none(values, weight):
    threshold = float(BINS.edges[np.searchsorted(BINS.edges, 0.9)])
    edges, counts = binned(np.array(values), threshold)
    tail = fit_tail(edges, counts * weight, total=1e6)
    if np.count_nonzero(counts) < 3:
        assert tail is None
        return
    beyond = tail.survival(threshold * np.geomspace(1, 1e9, 50))
    assert beyond[0] == pytest.approx(tail.share)
    assert (np.diff(beyond) <= 0).all()
    assert 0 <= tail.ks <= 1
    assert -0.5 <= tail.shape < 1


def test_many_equal_values_are_not_taken_for_a_density():
    threshold = float(BINS.edges[np.searchsorted(BINS.edges, 10.0)])
    values = np.repeat([10.2, 11.0, 13.0, 20.0], [1000, 500, 300, 50])
    tail = fit_tail(*binned(values, threshold), total=1e6)
    assert tail.shape < 0.9
    assert tail.ks > 0.2
