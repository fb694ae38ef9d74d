"""Moderated variances: against simulation and another solution of the same equations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from edgescope.statistics.moderated import independent_sites, moderated

VARIANCES = st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=12)


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
