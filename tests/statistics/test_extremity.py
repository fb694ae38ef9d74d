"""How extreme a model is beside untrained members: guarantees, and scores against scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import lomax, t

from edgescope.statistics.extremity import extremity, p_values, q_value, significance, top_levels
from edgescope.statistics.members import upper_levels
from support.calibration_cases import LAYOUT, sketch

TABLES = st.tuples(st.integers(1, 6), st.integers(6, 25)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(0, 40).map(float), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    ).map(np.array)
)
"""Scores ``[tests, models]`` with ties."""


def with_first(scores, number):
    """Return the scores with another model in the place of the trained one."""
    return np.concatenate([scores[:, [number]], np.delete(scores, number, axis=1)], axis=1)


@given(TABLES, st.floats(0.01, 0.99))
def test_no_more_p_values_are_small_than_stated_whichever_model_is_the_trained_one(scores, level):
    """Under exchangeability each model is the trained one as often: the mean over them is exact."""
    every = [p_values(with_first(scores, number)) for number in range(scores.shape[1])]
    assert np.mean(np.array(every) <= level) <= level + 1e-12
    assert np.min(every) >= 1 / scores.size


@given(TABLES)
def test_no_more_models_are_called_than_members_can_count(scores):
    models = scores.shape[1]
    highest = scores.max(axis=0)
    q = [q_value(highest[n], np.delete(highest, n)) for n in range(models)]
    for level in np.arange(1, models) / models:
        assert np.sum(np.array(q) <= level + 1e-12) <= round(level * models)
    assert np.sum(np.array(q) < 1 / models) <= 1


@given(st.lists(st.floats(0.1, 30), min_size=5, max_size=40, unique=True), st.floats(0.01, 60))
def test_q_beyond_all_members_is_that_of_the_predictive_law_of_an_exponential(highest, more):
    highest = np.array(highest)
    score = highest.max() + more
    excess, size = highest - highest.min(), len(highest)
    expected = lomax(size - 1, scale=excess.sum()).sf(score - highest.min()) * size / (size + 1)
    assert q_value(score, highest) == pytest.approx(expected)


def test_q_never_rises_with_the_score():
    highest = np.random.default_rng(0).gumbel(size=12) + 3
    q = [q_value(score, highest) for score in np.linspace(-1, 20, 200)]
    assert (np.diff(q) <= 0).all()
    assert q[0] == 1
    assert q[-1] < 0.01


def test_members_that_are_all_alike_count_only():
    assert q_value(5.0, np.full(9, 2.0)) == pytest.approx(0.1)
    assert q_value(2.0, np.full(9, 2.0)) == 1


def test_an_exponential_excess_gives_a_uniform_q():
    random = np.random.default_rng(1)
    draws = random.exponential(size=(4000, 11))
    q = np.array([q_value(d[0], d[1:]) for d in draws])
    assert np.mean(q <= 0.05) == pytest.approx(0.05, abs=0.01)
    assert np.mean(q <= 0.01) == pytest.approx(0.01, abs=0.005)


@pytest.mark.parametrize("sites", [1, 2, 3])
def test_extremity_is_that_of_the_distance_to_the_others(sites):
    """Model by model and level by level, with numpy's own means and variances."""
    random = np.random.default_rng(2)
    spread = np.array([0.3, 0.5, 0.1])[:sites, None, None]
    edges = np.exp(
        random.normal(0, spread, (sites, 8, 1)) + random.normal(0, 0.6, (sites, 8, 1000))
    )
    every = [[sketch(one) for one in of_site] for of_site in edges]
    found = extremity([top_levels(models, "ratio", 0.02) for models in every])
    shares = np.array([1, 2, 4, 8, 16, 20]) / 1000
    levels = np.array([[upper_levels(one, "ratio", shares) for one in models] for models in every])
    for number in range(8):
        others = np.delete(levels, number, axis=1)
        own = others.var(axis=1, ddof=1) + 2.0 ** (-2 * LAYOUT.ratio.bits) / 12
        variance = (own + np.median(own, axis=0)) / 2
        distance = (levels[:, number] - others.mean(axis=1)) / np.sqrt(variance * (1 + 1 / 7))
        np.testing.assert_allclose(found[:, number], -t.logsf(distance, 12).min(axis=1))


def test_a_few_massive_edges_are_seen_whatever_the_rate():
    random = np.random.default_rng(3)
    edges = np.exp(random.normal(0, 0.2, (11, 1)) + random.normal(0, 0.4, (11, 20_000)))
    edges[0, :2] *= 300
    sites = {"a": sketch(edges[0])}
    for rate in (1e-5, 1e-3, 0.05):
        found = significance(sites, {"a": [sketch(one) for one in edges[1:]]}, rate)
        assert found["a", "ratio"].q < 0.05
        assert found["a", "ratio"].p == 1 / 11  # two axes alike, of eleven models each


def test_a_site_is_not_judged_where_a_model_has_no_edges_or_only_zeros():
    random = np.random.default_rng(4)
    full = [sketch(np.exp(random.normal(size=50))) for _ in range(7)]
    for nothing in (sketch([]), sketch(np.zeros(50))):
        trained = {"a": nothing, "b": full[0], "c": full[0]}
        members = {"a": full[1:], "b": full[1:], "c": [nothing, *full[2:]]}
        found = significance(trained, members, 0.1)
        for site in "ac":
            assert np.isnan(found[site, "ratio"]).all()
        alone = significance({"b": full[0]}, {"b": full[1:]}, 0.1)
        assert found["b", "magnitude"] == alone["b", "magnitude"]
        assert np.isnan(significance({"a": nothing}, {"a": full[1:]}, 0.1)["a", "ratio"]).all()


def test_models_that_are_all_alike_are_not_extreme():
    values = np.exp(np.random.default_rng(5).normal(size=50))
    found = significance({"a": sketch(values)}, {"a": [sketch(values)] * 9}, 0.1)
    assert found["a", "ratio"] == (1, 1)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["normal", "heavy", "skewed"]), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_models_of_any_law_keep_the_guarantees(law, shared, seed):
    """Heavy tails, skewness, and sites that move together from model to model."""
    random = np.random.default_rng(seed)
    models, sites = 11, 3
    draw = {
        "normal": random.standard_normal,
        "heavy": lambda size: random.standard_t(2, size),
        "skewed": lambda size: random.exponential(size=size),
    }[law]
    places = shared * draw((1, models)) + draw((sites, models))
    edges = np.exp(places[..., None].clip(-40, 40) + random.normal(0, 0.3, (sites, models, 60)))
    every = [[sketch(one) for one in of_site] for of_site in edges]
    small = called = 0
    for number in range(models):
        trained = {str(n): of_site[number] for n, of_site in enumerate(every)}
        others = {
            str(n): of_site[:number] + of_site[number + 1 :] for n, of_site in enumerate(every)
        }
        found = significance(trained, others, 0.1).values()
        small += np.mean([test.p <= 0.05 for test in found])
        called += min(test.q for test in found) < 1 / models
    assert small / models <= 0.05
    assert called <= 1
