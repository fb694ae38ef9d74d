"""Calibrated thresholds: on members whose law is known, against that law."""

import numpy as np
import pytest
import torch
from scipy.stats import lognorm, norm, pearson3, t

from edgescope.errors import InputError
from edgescope.statistics import Calibrated, SiteSketch, SketchLayout, new_member
from edgescope.statistics.calibration import (
    calibrate,
    p_value,
    upper_quantile,
)
from edgescope.statistics.new_member import SKEW, NewMember

LAYOUT = SketchLayout(heads=2, channels=8)
EDGES = 20_000


def sketch(ratio, magnitude=None):
    """Return a sketch with these largest ratios and magnitudes of its edges."""
    counts = {}
    for name, values in (
        ("ratio", ratio),
        ("magnitude", ratio if magnitude is None else magnitude),
    ):
        bins = getattr(LAYOUT, name)
        index = bins.index(torch.tensor(np.asarray(values), dtype=torch.float32)).long()
        counts[f"edge_{name}"] = torch.bincount(index, minlength=bins.size)[None]
    return SiteSketch(LAYOUT, counts, torch.zeros(2, 1))


def ensemble(random, size=10, between=0.25, within=0.4, edges=EDGES):
    """Members whose edges are log-normal around a place that is normal between members."""
    places = random.normal(0, between, size)
    return [sketch(np.exp(3 + b + random.normal(0, within, edges))) for b in places]


def new_members(number, random, size=10):
    """Where new members lie, in spreads of ``size`` others from their mean, by simulation."""
    law = pearson3(SKEW)
    places = law.rvs(number, random_state=random) + random.normal(0, size**-0.5, number)
    return places / np.sqrt(random.chisquare(size - 1, number) / (size - 1))


@pytest.mark.parametrize("rate", [1e-3, 1e-4])
def test_held_out_members_exceed_the_threshold_at_the_stated_rate(rate):
    """Measured over edges of members whose places have the skewness of real ones."""
    random = np.random.default_rng(0)
    law = pearson3(SKEW, scale=0.1)
    levels = np.linspace(-0.6, 1.5, 300)
    weight = law.pdf(levels) / law.pdf(levels).sum()
    found = []
    for _ in range(40):
        places = law.rvs(10, random_state=random)
        members = [sketch(np.exp(3 + b + random.normal(0, 0.4, EDGES))) for b in places]
        threshold = calibrate(members, "ratio", rate).threshold
        found.append(weight @ norm.sf(np.log(threshold) - 3 - levels, scale=0.4))
    assert rate / 2 < np.mean(found) < 2 * rate


def test_the_place_of_a_new_member_is_distributed_as_simulated():
    drawn = new_members(1_000_000, np.random.default_rng(12))
    law = NewMember(10)
    for share in (0.3, 0.05, 1e-2, 1e-3):
        assert law.isf(share) == pytest.approx(np.quantile(drawn, 1 - share), rel=0.02)


def test_without_skewness_the_place_of_a_new_member_follows_students_t(monkeypatch):
    monkeypatch.setattr(new_member, "SKEW", 1e-9)
    new_member._log_survival.cache_clear()
    distance = np.array([0.0, 1.0, 3.0, 8.0])
    found = NewMember(7).sf(distance)
    np.testing.assert_allclose(found, t.sf(distance / np.sqrt(1 + 1 / 7), 6), rtol=1e-3)
    new_member._log_survival.cache_clear()


def test_the_threshold_is_the_predictive_quantile_of_the_two_laws_together():
    """Against a simulation: Pearson III places of members, log-normal edges around them."""
    members = ensemble(np.random.default_rng(1), edges=200_000)
    places = np.array([upper_quantile(member, "ratio", 0.005) for member in members])
    random = np.random.default_rng(2)
    number = 4_000_000
    drawn = places.mean() + places.std(ddof=1) * new_members(number, random)
    edge = random.normal(0, 0.4, number) - norm.isf(0.005, scale=0.4)
    expected = np.exp(np.quantile(drawn + edge, 1 - 1e-3))
    assert calibrate(members, "ratio", 1e-3).threshold == pytest.approx(expected, rel=0.03)


def test_thresholds_fall_as_the_rate_grows():
    members = ensemble(np.random.default_rng(3))
    rates = np.geomspace(1e-7, 0.2, 25)
    for axis in ("ratio", "magnitude"):
        thresholds = [calibrate(members, axis, rate).threshold for rate in rates]
        assert (np.diff(thresholds) <= 0).all()
        assert thresholds[0] > thresholds[-1]


def test_equal_members_have_the_threshold_of_their_common_law():
    values = lognorm(0.4, scale=20).rvs(EDGES, random_state=np.random.default_rng(4))
    found = calibrate([sketch(values)] * 6, "ratio", 1e-2)
    exact = np.quantile(values, 1 - 1e-2, method="higher")
    assert found.spread == 0
    assert exact * 0.99 <= found.threshold <= exact * 1.02
    np.testing.assert_allclose(found.members, found.threshold, rtol=0.01)


def test_the_tail_is_extrapolated_only_beyond_the_data():
    members = ensemble(np.random.default_rng(5))
    assert not calibrate(members, "ratio", 1e-3).extrapolated
    beyond = calibrate(members, "ratio", 1e-5)
    assert beyond.extrapolated
    assert beyond.tail.exceedances == pytest.approx(0.002 * 10 * EDGES, rel=0.02)
    assert beyond.tail.ks < 0.1


def test_a_threshold_is_an_edge_of_the_bins():
    found = calibrate(ensemble(np.random.default_rng(6)), "magnitude", 1e-3)
    assert found.threshold in LAYOUT.magnitude.edges


def test_a_site_without_edges_has_an_infinite_threshold():
    members = [sketch([])] * 5
    assert calibrate(members, "ratio", 1e-3).threshold == np.inf
    assert np.isnan(p_value(sketch([]), members, "ratio", 1e-3))


@pytest.mark.parametrize("values", [np.zeros(50), np.ones(50), np.full(50, 1e-44), [3e38] * 50])
def test_edges_that_are_all_alike_have_a_threshold_that_none_exceeds(values):
    members = [sketch(values)] * 5
    found = calibrate(members, "magnitude", 1e-3)
    assert found.threshold >= np.max(values)
    p = p_value(sketch(values), members, "magnitude", 1e-3)
    assert np.isnan(p) or p > 0.4


def test_p_values_of_untrained_members_are_uniform():
    random = np.random.default_rng(7)
    found = []
    for _ in range(200):
        places = pearson3(SKEW, scale=0.25).rvs(11, random_state=random)
        *members, another = [sketch(np.exp(3 + b + random.normal(0, 0.4, 2000))) for b in places]
        found.append(p_value(another, members, "ratio", 1e-3))
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.1
    assert 0.4 < np.mean(np.array(found) < 0.5) < 0.6


def test_a_model_that_exceeds_by_far_has_a_small_p_value():
    random = np.random.default_rng(8)
    members = ensemble(random)
    threshold = calibrate(members, "ratio", 5e-5).threshold
    edges = np.exp(3 + random.normal(0, 0.4, EDGES))
    assert p_value(sketch(edges), members, "ratio", 5e-5) > 0.01
    edges[:2] = 3 * threshold  # 1 in 10^4
    assert p_value(sketch(edges), members, "ratio", 5e-5) < 1e-4


def test_a_small_ensemble_is_refused():
    with pytest.raises(InputError, match="received an ensemble of 4, expected at least 5"):
        calibrate(ensemble(np.random.default_rng(9), size=4), "ratio", 1e-3)


def test_half_the_rate_goes_to_each_axis():
    random = np.random.default_rng(10)
    members = [
        sketch(np.exp(random.normal(0, 0.5, 5000)), np.exp(random.normal(0, 1, 5000)))
        for _ in range(5)
    ]
    rule = Calibrated(rate=1e-2).resolve({"a": members})
    assert rule.bounds("a").ratio == calibrate(members, "ratio", 5e-3).threshold
    assert rule.bounds("a").magnitude == calibrate(members, "magnitude", 5e-3).threshold
