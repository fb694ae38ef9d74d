"""The gamma fit from the histogram, and its distance, against scipy's of the raw values."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma, kstest, lognorm

from edgescope import MassiveActivations
from edgescope.statistics import fit_gamma
from edgescope.statistics.gamma import EPSILON, distance_to_law


def sketch_of(values):
    metric = MassiveActivations(1, values.shape[1])
    metric.update(torch.from_numpy(values.astype(np.float32)).unsqueeze(1))
    return metric.compute()


def products(factors, width, size, seed):
    """Products of Gaussian factors, which is what edge scores are before training."""
    return np.random.default_rng(seed).standard_normal((factors, size, width)).prod(0)


def decades(values):
    magnitude = np.abs(values.astype(np.float32))
    median = np.sort(magnitude, axis=1)[:, (magnitude.shape[1] - 1) // 2]
    return -np.log10((magnitude / median[:, None]).astype(np.float64).ravel() + EPSILON)


@pytest.mark.parametrize(
    ("factors", "width", "seed"), [(1, 64, 0), (2, 64, 1), (3, 64, 2), (3, 16, 3), (1, 8, 4)]
)
def test_parameters_and_distance_agree_with_scipy_within_half_a_percent(factors, width, seed):
    values = products(factors, width, 300_000 // width, seed)
    y = decades(values)
    expected = gamma.fit(y)
    fit = fit_gamma(sketch_of(values))
    np.testing.assert_allclose((fit.shape, fit.loc, fit.scale), expected, rtol=0.005)
    assert fit.ks == pytest.approx(kstest(y, gamma(*expected).cdf).statistic, rel=0.005)
    assert fit.count == y.size
    assert not fit.problem
    assert fit.starts >= 1


def test_the_fit_is_at_least_as_likely_as_scipys_where_scipy_stops_early():
    values = products(3, 4, 30_000, seed=0)
    y = decades(values)
    fit = fit_gamma(sketch_of(values))
    ours = gamma.logpdf(y, fit.shape, fit.loc, fit.scale).mean()
    assert ours >= gamma.logpdf(y, *gamma.fit(y)).mean() - 1e-6


def test_the_density_integrates_to_one():
    fit = fit_gamma(sketch_of(products(3, 64, 2000, seed=1)))
    y = np.linspace(fit.loc, fit.loc + 50 * fit.scale * fit.shape, 200_000)
    assert np.trapezoid(fit.density(y), y) == pytest.approx(1, abs=1e-3)


def test_identical_ratios_give_no_fit_and_the_reason():
    fit = fit_gamma(sketch_of(np.ones((50, 4))))
    assert np.isnan([fit.shape, fit.loc, fit.scale, fit.ks]).all()
    assert "too few" in fit.problem


def test_data_skewed_the_other_way_give_no_fit_and_the_reason():
    values = products(1, 64, 2000, seed=0)
    values[:, 0] *= 10.0 ** np.random.default_rng(1).uniform(3, 9, 2000)
    fit = fit_gamma(sketch_of(values))
    assert np.isnan(fit.shape)
    assert "not skewed to the right" in fit.problem


def test_no_edges_give_no_fit():
    metric = MassiveActivations(1, 4)
    metric.update(torch.zeros(0, 1, 4))
    assert "too few" in fit_gamma(metric.compute()).problem


def scanned(values):
    """Return the sketch of activations ``[E, F]`` and their ratios."""
    metric = MassiveActivations(1, values.shape[1])
    metric.update(torch.from_numpy(values).unsqueeze(1))
    magnitude = np.abs(values)
    median = np.sort(magnitude, axis=1)[:, (values.shape[1] - 1) // 2]
    return metric.compute(), (magnitude / median[:, None]).ravel().astype(np.float64)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.sampled_from([5, 16, 64]),
    st.floats(0.3, 3),
    st.floats(0.2, 5),
)
def test_the_distance_is_that_of_the_values(seed, factors, width, spread, centre):
    random = np.random.default_rng(seed)
    values = random.standard_normal((factors, 3000, width)).prod(0).astype(np.float32)
    sketch, ratio = scanned(values)
    law = lognorm(spread, scale=centre)
    exact = kstest(ratio, law.cdf).statistic
    # Within a bin lie at most about 0.4 % of the values, beside the medians.
    assert distance_to_law(sketch, law.sf) == pytest.approx(exact, abs=0.004)


def test_the_step_at_the_medians_is_seen_from_both_sides():
    values = np.tile(np.float32([0.5, 1.0, 1.0, 1.0, 2.0]), (100, 1))
    sketch, _ = scanned(values)
    assert distance_to_law(sketch, lognorm(1e-3, scale=1.2).sf) == pytest.approx(0.8, abs=1e-9)
    assert distance_to_law(sketch, lognorm(1e-3, scale=0.8).sf) == pytest.approx(0.8, abs=1e-9)


def test_blocks_that_cannot_hold_the_distance_are_left_out_without_changing_it():
    values = np.random.default_rng(0).standard_normal((2000, 64)).astype(np.float32)
    sketch, _ = scanned(values)
    law = lognorm(1, scale=1.3)
    asked = []

    def counting(ratio):
        asked.append(len(ratio))
        return law.sf(ratio)

    found = distance_to_law(sketch, counting)
    filled = sketch.counts["ratio"].count_nonzero()
    assert sum(asked) < filled / 2
    edges = sketch.layout.ratio.edges[1:]
    above = 1 - sketch.counts["ratio"].cumsum(0).numpy() / sketch.counts["ratio"].sum().item()
    assert found >= np.abs(above - law.sf(edges)).max() - 1e-12
