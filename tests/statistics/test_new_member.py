"""Where one more member may lie, against simulation and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import digamma, polygamma
from scipy.stats import pearson3, t

from edgescope.statistics.new_member import NewMember, independent_sites, moderated, pearson_sf

VARIANCES = st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=12)


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


@given(VARIANCES, st.integers(4, 99))
def test_the_prior_solves_the_equations_of_its_moments(variance, freedom):
    variance = np.array(variance)
    found, gained = moderated(variance, freedom, len(variance))
    shift = np.log(variance) - digamma(freedom / 2) + np.log(freedom / 2)
    excess = shift.var(ddof=1) - polygamma(1, freedom / 2)
    if excess <= 0:
        np.testing.assert_allclose(found, variance.mean())
        assert (gained == freedom * len(variance)).all()
        return
    prior = 2 * brentq(lambda at: polygamma(1, at) - excess, 1e-4, 1e18, xtol=1e-300, rtol=1e-12)
    centre = np.exp(shift.mean() + digamma(prior / 2) - np.log(prior / 2))
    expected = (prior * centre + freedom * variance) / (prior + freedom)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(gained, min(prior + freedom, freedom * len(variance)), rtol=1e-4)


def test_variances_that_differ_are_estimated_better_than_by_themselves():
    random = np.random.default_rng(0)
    true = 20 / random.chisquare(20, 400)
    sample = true * random.chisquare(9, 400) / 9
    found, gained = moderated(sample, 9, 400)
    assert gained[0] == pytest.approx(29, abs=5)
    error = np.abs(np.log(found / true)).mean()
    assert error < 0.75 * np.abs(np.log(sample / true)).mean()


def test_one_site_keeps_its_variance_and_its_degrees_of_freedom():
    found, gained = moderated(np.array([0.3]), 9, 1)
    assert (found, gained) == (0.3, 9)


def test_a_variance_of_zero_moderates_none():
    found, gained = moderated(np.array([0.0, 1.0]), 9, 2)
    assert found.tolist() == [0, 1]
    assert gained.tolist() == [9, 9]


def test_sites_that_move_together_gain_no_degrees_of_freedom():
    values = np.random.default_rng(1).normal(size=10)
    assert independent_sites(np.stack([values, 2 * values, 3 - values])) == pytest.approx(1)


def test_independent_sites_count_almost_all():
    random = np.random.default_rng(2)
    found = [independent_sites(random.normal(size=(6, 10))) for _ in range(300)]
    assert 5 < np.mean(found) <= 6


def test_the_mean_variance_is_worth_as_many_sites_as_its_own_variance_says():
    random = np.random.default_rng(3)
    mixing = np.linalg.cholesky(np.full((5, 5), 0.7) + 0.3 * np.eye(5))
    drawn = mixing @ random.normal(size=(4000, 5, 10))
    worth = np.median([independent_sites(one) for one in drawn])
    each = drawn.var(axis=2, ddof=1)
    assert worth == pytest.approx(each.var() / each.mean(axis=1).var(), rel=0.1)


def test_a_site_whose_members_are_alike_correlates_with_none():
    values = np.random.default_rng(4).normal(size=(2, 50))
    values[0] = 1.0
    assert independent_sites(values) == 2
