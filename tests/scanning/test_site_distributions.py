"""Densities of the histogram of ratios are finite and sum to one, however small ratios are."""

import numpy as np
import pytest

from edgescope.scanning.site_distributions import densities_of
from edgescope.statistics.gamma import EPSILON


@pytest.mark.parametrize("lowest", [1e-2, 1e-14, 1e-38, 0.0])
def test_densities_sum_to_one_with_ratios_far_below_the_smallest_that_tells(lowest):
    edges = np.concatenate([[lowest], np.geomspace(max(2 * lowest, 1e-37), 1e3, 300)])
    counts = np.arange(1, len(edges))
    counted = {"edges": edges, "trained": {"total": int(counts.sum()), "counts": counts}}
    y, densities = densities_of(counted)
    assert np.all(np.isfinite(densities["trained"]))
    assert np.all(np.diff(y) > 0)
    assert float((densities["trained"] * np.diff(y)).sum()) == pytest.approx(1.0)
    assert y[0] == pytest.approx(-3.0)
    assert y[-1] == pytest.approx(-np.log10(lowest + EPSILON))
