"""Where one more member may lie, against simulation and scipy."""

import numpy as np
import pytest
from scipy.stats import pearson3, t

from edgescope.statistics.new_member import NewMember, pearson_sf


@pytest.mark.parametrize(("freedom", "skewness"), [(9, 0.4), (30, 0.1), (25, -0.3)])
def test_a_new_member_is_distributed_as_simulated(freedom, skewness):
    random, number = np.random.default_rng(12), 1_000_000
    drawn = pearson3(skewness).rvs(number, random_state=random)
    drawn = drawn * np.sqrt(1 + 1 / 10) / np.sqrt(random.chisquare(freedom, number) / freedom)
    law = NewMember(10, np.full(4, freedom), np.full(4, skewness))
    shares = np.array([0.3, 0.05, 1e-2, 1e-3])
    np.testing.assert_allclose(law.sf(np.quantile(drawn, 1 - shares)), shares, rtol=0.1)


def test_without_skewness_a_new_member_follows_students_t():
    distance = np.array([-2.0, 0.0, 1.0, 3.0, 8.0, 20.0])
    found = NewMember(7, np.full(6, 6), np.zeros(6)).sf(distance)
    np.testing.assert_allclose(found, t.sf(distance / np.sqrt(1 + 1 / 7), 6), rtol=1e-3)


def test_every_level_has_its_own_law():
    freedom, skewness, distance = np.array([9, 40]), np.array([0.5, -0.2]), np.array([2.0, 3.0])
    both = NewMember(10, freedom, skewness).sf(distance)
    for level in (0, 1):
        alone = NewMember(10, freedom[[level]], skewness[[level]]).sf(distance[[level]])
        assert both[level] == pytest.approx(alone[0])


@pytest.mark.parametrize("skewness", [-0.9, -0.3, 1e-4, 0.0, 0.02, 0.3, 1.5])
def test_the_law_is_scipys(skewness):
    distance = np.linspace(-6, 9, 100)
    expected = pearson3.sf(distance, skewness)
    found = pearson_sf(distance, np.full(100, skewness))
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-15)
