"""What takes the place of an activation, against plain numpy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import edgescope as es
from edgescope.intervene.activation_choice import MaskSelector, selector
from edgescope.intervene.replacement import Replacement
from edgescope.lib.errors import InputError
from support.sites_of_values import random_site

ANY = MaskSelector(lambda found: found.values > 0)


def given_values(value, site, choose=ANY, untrained=None, seed=0):
    replacement = Replacement(value, site, choose, untrained)
    return replacement.of(replacement.chosen, np.random.default_rng(seed)).numpy()


@pytest.mark.parametrize(("value", "formula"), [("mean", np.nanmean), ("zero", None)])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_mean_is_over_the_edges_at_which_the_channel_was_not_chosen(value, formula, seed):
    site = random_site(seed)
    expected = np.zeros(int(site.chosen.sum()))
    if formula:
        rest = np.where(site.chosen, np.nan, site.values.double())
        expected = np.broadcast_to(formula(rest, axis=0), site.chosen.shape)[site.chosen.numpy()]
    np.testing.assert_allclose(given_values(value, site), expected, rtol=1e-9)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_median_is_the_lower_one_of_the_others(seed):
    site = random_site(seed)
    expected = []
    for _, head, channel in site.chosen.nonzero().tolist():
        rest = sorted(site.values[:, head, channel][~site.chosen[:, head, channel]].tolist())
        expected.append(rest[(len(rest) - 1) // 2])
    np.testing.assert_allclose(given_values("median", site), expected)


def test_values_that_are_not_finite_count_for_no_mean():
    site = random_site(0)
    values = site.values.clone()
    broken = (~site.chosen).nonzero()[0]
    values[tuple(broken)] = torch.nan
    assert np.isfinite(given_values("mean", replace(site, values=values))).all()


def test_an_activation_is_clipped_to_the_ratio_times_the_median_of_its_edge():
    site = random_site(0, channels=8)
    size = np.abs(site.values.numpy().reshape(40, -1)).astype(np.float64)
    median = np.sort(size, axis=1)[:, (size.shape[1] - 1) // 2]
    site = replace(site, chosen=site.values.abs() > torch.from_numpy(median * 3)[:, None, None])
    edge = site.chosen.nonzero()[:, 0].numpy()
    sign = np.sign(site.values[site.chosen].numpy())
    found = given_values("clip", site, selector(3.0))
    np.testing.assert_allclose(found, sign * 3 * median[edge], rtol=1e-6)


def test_the_threshold_of_two_rules_is_that_which_has_to_be_passed():
    site = random_site(0, channels=8)
    ratio, size = es.Criterion("r", ratio=3), es.Criterion("m", ratio=0, magnitude=1.5)
    one, other = (selector(rule).limits(site) for rule in (ratio, size))
    assert torch.equal(selector(ratio & size).limits(site), torch.maximum(one, other))
    assert torch.equal(selector(ratio | size).limits(site), torch.minimum(one, other))
    both = es.Criterion("both", ratio=3, magnitude=1.5)
    assert torch.equal(selector(both).limits(site), torch.maximum(one, other))


def test_a_control_shrinks_by_the_factor_of_the_activation_it_stands_for():
    site = random_site(0, channels=8)
    chosen = torch.zeros_like(site.chosen)
    chosen[2, 1, 3] = True
    values = site.values.clone()
    values[2, 1, 3] = 50.0
    site = replace(site, values=values, chosen=chosen)
    replacement = Replacement("clip", site, selector(3.0), None)
    nobody = np.random.default_rng(0)
    factor = replacement.of(replacement.chosen, nobody).item() / 50
    place = torch.tensor([7])
    assert replacement.of(place, nobody).item() == pytest.approx(
        factor * values.flatten()[7].item()
    )


@given(seed=st.integers(0, 10_000))
def test_a_resampled_value_is_that_of_the_channel_at_another_edge_not_chosen(seed):
    site = random_site(seed, edges=6)
    replacement = Replacement("resample", site, ANY, None)
    free = (~site.chosen).flatten().nonzero().squeeze(1)
    for places in (replacement.chosen, free):
        found = replacement.of(places, np.random.default_rng(seed))
        for place, value in zip(places.tolist(), found.tolist(), strict=True):
            edge, column = divmod(place, site.width)
            others = [
                number
                for number in range(6)
                if number != edge and not site.chosen.flatten(1)[number, column]
            ]
            allowed = site.values.flatten(1)[others, column].double().tolist()
            assert value in allowed


def test_every_other_edge_is_resampled_from():
    site = random_site(0, edges=4, heads=1, channels=1, share=0)
    replacement = Replacement("resample", site, ANY, None)
    place = torch.tensor([2])
    found = {replacement.of(place, np.random.default_rng(seed)).item() for seed in range(100)}
    assert found == {float(site.values[edge]) for edge in (0, 1, 3)}


@pytest.mark.parametrize("value", ["mean", "median", "resample"])
def test_a_channel_chosen_everywhere_has_no_value_to_take(value):
    site = random_site(0, share=0)
    chosen = site.chosen.clone()
    chosen[:, 1, 2] = True
    with pytest.raises(InputError, match="head 1 channel 2 no other edge is left"):
        given_values(value, replace(site, chosen=chosen))


def test_an_untrained_model_of_another_width_is_refused():
    with pytest.raises(InputError, match="same architecture"):
        given_values("untrained", random_site(0), untrained=random_site(0, channels=4))


def test_clipping_needs_a_threshold():
    with pytest.raises(InputError, match="selection without one"):
        given_values("clip", random_site(0))
