"""Calibrated thresholds: on members whose law is known, against that law."""

import numpy as np
import pytest
from scipy.stats import lognorm, norm, pearson3

from edgescope.lib.errors import InputError
from edgescope.scanning.criteria import Calibrated
from edgescope.scanning.criteria.calibration import calibrate
from support.calibration_cases import LAYOUT, sketch

EDGES = 20_000


def ensemble(random, size=10, between=0.25, within=0.4, edges=EDGES):
    """Members whose edges are log-normal around a place that is normal between members."""
    places = random.normal(0, between, size)
    return [sketch(np.exp(3 + b + random.normal(0, within, edges))) for b in places]


def one(members, axis, rate):
    """Return the calibration of a single site."""
    return calibrate({"a": members}, axis, rate)["a"]


@pytest.mark.parametrize("rate", [1e-3, 1e-4])
def test_held_out_members_exceed_the_threshold_at_the_stated_rate(rate):
    """Four sites whose places are as skewed, and differ as far in their spread, as real ones."""
    random = np.random.default_rng(0)
    found = []
    spreads = (0.2, 0.22, 0.25, 0.28)
    levels = np.linspace(-5, 8, 300)
    for _ in range(15):
        sites = {}
        for number, between in enumerate(spreads):
            places = pearson3(0.3, scale=between).rvs(10, random_state=random)
            edges = np.exp(3 + places[:, None] + random.normal(0, 0.4, (10, 1000)))
            sites[str(number)] = [sketch(member) for member in edges]
        calibrated = calibrate(sites, "ratio", rate)
        for number, between in enumerate(spreads):
            threshold = np.log(calibrated[str(number)].threshold)
            beyond = norm.sf(threshold - 3 - between * levels, scale=0.4)
            weight = pearson3.pdf(levels, 0.3)
            found.append(weight @ beyond / weight.sum())
    assert rate / 2 < np.mean(found) < 2 * rate


def test_rare_kinds_of_edges_that_move_by_themselves_are_allowed_for():
    """No place is common to all edges: every kind of them has its own in every member."""
    random = np.random.default_rng(1)
    kinds = np.repeat(np.arange(12), np.geomspace(300, 1, 12).astype(int))
    height = np.linspace(0, 1, 12)

    def drawn(number):
        return np.exp((height + random.normal(0, 0.3, (number, 12)))[:, kinds])

    members = [sketch(edges) for edges in drawn(60)]
    others = drawn(10_000)
    for rate in (1e-2, 2e-3):
        threshold = one(members, "ratio", rate).threshold
        assert rate / 1.6 < (others > threshold).mean() < 1.6 * rate


def test_the_threshold_is_where_the_mean_share_of_many_members_is_the_rate():
    """With members enough, little is left to the law: against counting in them."""
    random = np.random.default_rng(2)
    edges = np.exp(random.normal(0, 0.3, (400, 1)) + random.normal(0, 0.5, (400, 300)))
    threshold = one([sketch(member) for member in edges], "ratio", 1e-2).threshold
    assert (edges > threshold).mean() == pytest.approx(1e-2, rel=0.15)


def test_thresholds_fall_as_the_rate_grows():
    members = ensemble(np.random.default_rng(3))
    for axis in ("ratio", "magnitude"):
        thresholds = [one(members, axis, rate).threshold for rate in np.geomspace(1e-7, 0.2, 12)]
        assert (np.diff(thresholds) <= 0).all()
        assert thresholds[0] > thresholds[-1]


def test_equal_members_have_the_threshold_of_their_common_law():
    values = lognorm(0.4, scale=20).rvs(EDGES, random_state=np.random.default_rng(4))
    found = one([sketch(values)] * 6, "ratio", 1e-2)
    exact = np.quantile(values, 1 - 1e-2, method="higher")
    assert exact * 0.99 <= found.threshold <= exact * 1.02
    np.testing.assert_allclose(found.members, exact, rtol=0.01)
    assert found.spread < 0.003


def test_more_sites_alike_lower_the_thresholds_of_a_small_ensemble():
    random = np.random.default_rng(5)
    sites = {name: ensemble(random, edges=1000) for name in "abcdef"}
    together = calibrate(sites, "ratio", 1e-5)
    alone = [one(members, "ratio", 1e-5).threshold for members in sites.values()]
    assert np.mean([np.log(found.threshold) for found in together.values()]) < np.mean(
        np.log(alone)
    )
    assert together["a"].freedom > 20


def test_a_threshold_beyond_all_edges_is_called_extrapolated():
    edges = [np.exp(np.random.default_rng(n).normal(3 + 0.01 * n, 0.4, EDGES)) for n in range(10)]
    members, highest = [sketch(values) for values in edges], max(map(np.max, edges))
    for rate in (1e-2, 1e-6):
        found = one(members, "ratio", rate)
        assert found.extrapolated == (found.threshold > highest)
    assert found.extrapolated


def test_a_threshold_says_how_many_members_have_an_edge_over_it():
    random = np.random.default_rng(15)
    edges = np.exp(random.normal(0, 0.3, (10, 1)) + random.normal(0, 0.4, (10, 500)))
    members = [sketch(values) for values in edges]
    for rate in (0.1, 1e-2, 1e-3, 1e-5):
        found = one(members, "ratio", rate)
        assert found.members_over == (edges.max(axis=1) > found.threshold).sum()
        assert found.extrapolated == (found.members_over == 0)


def test_the_supported_rate_is_the_smallest_that_the_members_reach():
    members = ensemble(np.random.default_rng(16), edges=300)
    supported = one(members, "ratio", 1e-2).supported
    assert one(members, "ratio", 1e-4).supported == supported
    assert not one(members, "ratio", 1.05 * supported).extrapolated
    assert one(members, "ratio", 0.95 * supported).extrapolated


def test_a_threshold_is_an_edge_of_the_bins():
    found = one(ensemble(np.random.default_rng(6)), "magnitude", 1e-3)
    assert found.threshold in LAYOUT.magnitude.edges


def test_a_site_without_edges_has_an_infinite_threshold():
    sites = {"empty": [sketch([])] * 5, "full": ensemble(np.random.default_rng(7), 5, edges=100)}
    found = calibrate(sites, "ratio", 1e-3)
    assert found["empty"].threshold == np.inf
    assert found["full"] == one(sites["full"], "ratio", 1e-3)
    assert np.isnan(found["empty"].supported)


def test_a_site_that_is_all_zero_in_one_member_has_an_infinite_threshold():
    members = [*ensemble(np.random.default_rng(8), 5, edges=100), sketch(np.zeros(100))]
    found = one(members, "ratio", 1e-3)
    assert found.threshold == np.inf
    assert np.isnan(found.spread)


def test_edges_that_are_zero_in_some_members_do_not_raise_the_threshold_beyond_reason():
    random = np.random.default_rng(9)
    edges = np.exp(random.normal(0, 0.3, (200, 1)) + random.normal(0, 0.5, (200, 300)))
    edges[random.random((200, 300)) < 0.8 * random.random((200, 1))] = 0.0
    threshold = one([sketch(member) for member in edges], "ratio", 1e-2).threshold
    assert (edges > threshold).mean() == pytest.approx(1e-2, rel=0.25)


@pytest.mark.parametrize("values", [np.zeros(50), np.ones(50), np.full(50, 1e-44), [3e38] * 50])
def test_edges_that_are_all_alike_have_a_threshold_that_none_exceeds(values):
    members = [sketch(values)] * 5
    assert one(members, "magnitude", 1e-3).threshold >= np.max(values)


def test_a_small_ensemble_is_refused():
    with pytest.raises(InputError, match="received an ensemble of 4, expected at least 5"):
        one(ensemble(np.random.default_rng(13), size=4, edges=50), "ratio", 1e-3)


@pytest.mark.parametrize("size", [5, 10, 25])
def test_the_rate_is_what_the_ensemble_supports(size):
    members = ensemble(np.random.default_rng(17), size=size, edges=200)
    by_default = Calibrated().resolve({"a": members})
    assert by_default.rate == 0.1 / size
    assert Calibrated(rate=0.1 / size).members_supporting == size
    assert Calibrated(rate=0.09 / size).members_supporting > size
    assert Calibrated().members_supporting == 0


def test_half_the_rate_goes_to_each_axis():
    random = np.random.default_rng(14)
    members = [
        sketch(np.exp(random.normal(0, 0.5, 5000)), np.exp(random.normal(0, 1, 5000)))
        for _ in range(5)
    ]
    rule = Calibrated(rate=1e-2).resolve({"a": members})
    assert rule.bounds("a").ratio == one(members, "ratio", 5e-3).threshold
    assert rule.bounds("a").magnitude == one(members, "magnitude", 5e-3).threshold
