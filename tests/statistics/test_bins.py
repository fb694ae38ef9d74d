"""Logarithmic bins: every float falls where its value says."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.lib.errors import InputError
from edgescope.statistics.bins import LogBins, finest_bits

finite = st.floats(0, width=32, allow_nan=False, allow_infinity=False)
layouts = st.builds(
    LogBins,
    anchor=st.sampled_from([1000.0, 100.0, 1.0, 7.3]),
    bits=st.integers(-7, 10),
)


@given(layouts, st.lists(finite, min_size=1, max_size=50))
def test_every_value_lies_in_the_bin_it_is_counted_in(bins, values):
    value = np.array(values, dtype=np.float32).astype(np.float64)
    index = bins.index(torch.tensor(values, dtype=torch.float32)).numpy()
    assert ((index >= 0) & (index < bins.size)).all()
    above = value > bins.edges[index]
    assert (above | (index == 0)).all()
    assert (value <= bins.edges[index + 1]).all()


@given(layouts)
def test_edges_rise_from_zero_to_infinity(bins):
    assert bins.edges[0] == 0
    assert np.isinf(bins.edges[-1])
    # The first bin may hold nothing but zero, so its two edges may be equal.
    assert (np.diff(bins.edges[1:-1]) > 0).all()


@pytest.mark.parametrize("threshold", [1000.0, 2000.0, 4000.0, 500.0])
def test_published_thresholds_are_bin_edges(threshold):
    assert LogBins(1000.0).edge_near(threshold)[1] == threshold


@given(st.floats(1e-20, 1e20))
def test_the_nearest_edge_is_at_most_half_a_percent_away(threshold):
    _, edge = LogBins(1000.0).edge_near(threshold)
    assert abs(edge / threshold - 1) < 0.005


def test_fine_bins_are_at_most_one_percent_wide():
    edges = LogBins(1000.0, bits=7).edges
    normal = edges[(edges > 1e-30) & np.isfinite(edges)]
    assert (normal[1:] / normal[:-1] - 1).max() <= 0.01


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("inf"), float("nan")])
def test_a_threshold_that_means_nothing_is_refused(threshold):
    with pytest.raises(InputError, match="positive and finite"):
        LogBins(1000.0).edge_near(threshold)


@given(st.integers(1, 4000), st.integers(2**17, 2**24))
def test_joint_bins_are_the_finest_that_fit_the_budget(cells, budget):
    def size(bits):
        return cells * LogBins(1.0, bits).size * 8

    if size(-7) > budget:
        with pytest.raises(ValueError, match="do not fit"):
            finest_bits(cells, budget)
    else:
        bits = finest_bits(cells, budget)
        assert size(bits) <= budget
        assert bits == 7 or size(bits + 1) > budget
