"""Statistics of histograms against those of the raw values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from edgescope.statistics import LogBins
from edgescope.statistics.histogram import (
    bin_of_quantile,
    cells,
    ecdf_difference,
    parents,
    quantile,
    share_over,
    tail_index,
)

BINS = LogBins(1000.0)
CELLS = cells(BINS, np.arange(BINS.size))


def count(values):
    """Return the histogram of values ``[1, B]``, by searching the edges."""
    number = np.searchsorted(BINS.edges, values, side="left") - 1
    return np.bincount(np.maximum(number, 0), minlength=BINS.size).astype(float)[None]


@st.composite
def samples(draw, least=1):
    """Positive single-precision numbers over many octaves, with ties and zeros."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(least, 400))
    values = 10 ** (draw(st.floats(0.01, 6)) * random.standard_normal(size))
    values = np.round(values, draw(st.integers(0, 12)))
    return np.where(random.random(size) < draw(st.floats(0, 0.3)), 0, values).astype(np.float32)


@settings(deadline=None)
@given(samples(), samples())
def test_the_distance_is_that_of_scipy_within_the_share_of_a_bin(first, second):
    one, other = count(first), count(second)
    found = np.abs(ecdf_difference(one, other)).max()
    expected = ks_2samp(first, second, method="asymp").statistic
    largest_bin = max((one / one.sum()).max(), (other / other.sum()).max())
    assert found - 1e-12 <= expected <= found + largest_bin + 1e-12


@settings(deadline=None)
@given(samples(), st.floats(0.001, 1))
def test_quantiles_lie_in_the_bin_of_the_exact_one(values, q):
    found = quantile(count(values), CELLS, q)[0]
    # The slack against rounding, at ranks that are whole numbers.
    exact = np.sort(values)[max(int(np.ceil(q * len(values) * (1 - 1e-12))) - 1, 0)]
    number = max(int(np.searchsorted(BINS.edges, exact, side="left")) - 1, 0)
    assert number == bin_of_quantile(count(values)[0], q)
    assert BINS.edges[number] <= found <= BINS.edges[number + 1]


@settings(deadline=None)
@given(samples(least=50), st.floats(0.01, 0.5))
def test_the_tail_index_is_hills_of_the_raw_values(values, share):
    column = bin_of_quantile(count(values)[0], 1 - share)
    found = tail_index(count(values), CELLS, column)[0]
    edge = BINS.edges[column + 1]
    above = values[values > edge].astype(float)
    if not len(above) or not edge:
        assert np.isnan(found)
        return
    widest = np.log(1 + 1 / 128)
    assert 1 / found == pytest.approx(np.log(above / edge).mean(), abs=widest / 2)


def test_the_tail_index_is_hills_order_statistic_formula_on_a_pareto_tail():
    values = np.random.default_rng(0).pareto(3, 100_000).astype(np.float32) + 1
    column = bin_of_quantile(count(values)[0], 0.99)
    found = tail_index(count(values), CELLS, column)[0]
    ordered = np.sort(values.astype(float))[::-1]
    k = int((values > BINS.edges[column + 1]).sum())
    hill = k / np.log(ordered[:k] / ordered[k]).sum()
    # The edge of the bin instead of the next value: 0.8 % of 1 / 3.
    assert found == pytest.approx(hill, rel=0.03)
    assert found == pytest.approx(3, rel=4 / np.sqrt(k))


@settings(deadline=None)
@given(samples(), st.integers(0, BINS.size - 2))
def test_shares_over_an_edge_are_exact(values, column):
    expected = (values > BINS.edges[column + 1]).mean()
    assert share_over(count(values), column)[0] == pytest.approx(expected, abs=1e-12)


def test_leaving_out_empty_bins_changes_nothing():
    values = np.random.default_rng(0).lognormal(size=1000).astype(np.float32)
    counts = count(values)
    filled = np.flatnonzero(counts[0])
    few = cells(BINS, filled)
    for q in (0.1, 0.5, 0.99):
        assert quantile(counts[:, filled], few, q) == quantile(counts, CELLS, q)


def test_every_fine_bin_lies_in_its_coarse_one():
    coarse = LogBins(1000.0, 3)
    parent = parents(BINS, coarse)
    assert (coarse.edges[parent] <= BINS.edges[:-1]).all()
    assert (BINS.edges[1:] <= coarse.edges[parent + 1]).all()


def test_an_empty_histogram_has_no_statistics():
    nothing = np.zeros((2, BINS.size))
    assert np.isnan(quantile(nothing, CELLS, 0.5)).all()
    assert np.isnan(ecdf_difference(nothing, nothing)).all()
    assert np.isnan(share_over(nothing, 5)).all()
    assert np.isnan(tail_index(nothing, CELLS, 5)).all()
