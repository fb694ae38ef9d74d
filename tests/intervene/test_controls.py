"""Controls: as many others of the same site, alike in what they promise to be alike in."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.intervene.controls import CONTROLS, NEAREST, draw
from edgescope.lib.errors import InputError
from support.sites_of_values import random_site


def drawn(control, site, seed=0):
    return draw(control, site, np.random.default_rng(seed))


@pytest.mark.parametrize("control", CONTROLS)
@given(
    seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 0.02, 0.1, 0.2]), ties=st.booleans()
)
def test_a_control_is_as_many_different_activations_that_were_not_chosen(
    control, seed, share, ties
):
    site = random_site(seed, edges=60, share=share, types=2, ties=ties)
    found = drawn(control, site, seed)
    assert len(found) == int(site.chosen.sum())
    assert len(set(found.tolist())) == len(found)
    assert not site.chosen.flatten()[found].any()


@given(seed=st.integers(0, 10_000))
def test_each_activation_has_its_control_on_an_edge_of_the_same_type(seed):
    site = random_site(seed, edges=60)
    chosen = site.chosen.flatten().nonzero().squeeze(1)
    types = [site.edge_type[site.edges(places)] for places in (chosen, drawn("edge_type", site))]
    assert torch.equal(*types)


@given(seed=st.integers(0, 10_000))
def test_controls_of_the_largest_activations_are_among_the_next_largest(seed):
    site = random_site(seed)
    size = site.values.abs().flatten()
    top = size.topk(5).indices
    chosen = torch.zeros(len(size), dtype=torch.bool)
    chosen[top] = True
    found = drawn("magnitude", replace(site, chosen=chosen.view(site.values.shape)), seed)
    rank = size.argsort(descending=True).argsort()[found]
    assert int(rank.max()) < 5 + 5 * NEAREST


def test_controls_of_activations_in_the_middle_have_nearly_their_magnitude():
    site = random_site(3, edges=2000, share=0.01)
    chosen = site.values[site.chosen].abs()
    found = site.values.flatten()[drawn("magnitude", site)].abs()
    inner = chosen < 2.5  # where values lie dense
    np.testing.assert_allclose(found[inner], chosen[inner], atol=0.05)


def test_draws_at_random_are_spread_evenly():
    site = random_site(1, edges=10, share=0.2)
    times = torch.zeros(site.values.numel())
    for seed in range(400):
        times[drawn("number", site, seed)] += 1
    expected = 400 * int(site.chosen.sum()) / int((~site.chosen).sum())
    free = times[~site.chosen.flatten()]
    assert float(((free - expected) ** 2 / expected).mean()) < 1.6


def test_values_that_are_not_finite_are_never_drawn():
    site = random_site(0, share=0.1)
    values = site.values.clone()
    values[::2, 0] = torch.nan
    values[1::4, 1] = torch.inf
    for control in CONTROLS:
        found = drawn(control, replace(site, values=values, edge_type=site.edge_type * 0))
        assert values.flatten()[found].isfinite().all()


@pytest.mark.parametrize("control", CONTROLS)
def test_too_few_activations_to_draw_from_are_refused(control):
    site = random_site(0, share=0.9)
    with pytest.raises(InputError, match=f"left to draw the control {control!r} from"):
        drawn(control, site)
