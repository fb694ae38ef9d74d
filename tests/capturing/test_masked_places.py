"""However a model masks places, the ones that are left are those it attends to."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgescope.capturing.masked_places import attended


def multiplied(logit, mask, dim):
    """Multiply the exponentials by the mask, as models that write the softmax by hand do."""
    power = (logit - logit.amax(dim, keepdim=True)).exp() * mask
    return logit, power / (power.sum(dim, keepdim=True) + 1e-16)


def filled(number):
    def way(logit, mask, dim):
        logit = logit.masked_fill(~mask, number)
        return logit, logit.softmax(dim)

    return way


def added(logit, mask, dim):
    logit = logit + (~mask) * -1e9
    return logit, logit.softmax(dim)


WAYS = {
    "multiplied": multiplied,
    "minus infinity": filled(-torch.inf),
    "lowest number": filled(torch.finfo(torch.float32).min),
    "minus ten thousand": filled(-1e4),
    "added": added,
}


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_places_left_are_those_that_a_mask_allows(way, data):
    shape = data.draw(st.tuples(*[st.integers(1, 5)] * 4), "shape")
    dim = data.draw(st.integers(0, 3), "dim")
    random = torch.Generator().manual_seed(data.draw(st.integers(0, 2**31), "seed"))
    # Logits so far apart that weights of allowed places are 0 as well.
    logit = 200 * torch.randn(shape, generator=random)
    mask = torch.rand(shape, generator=random) < 0.6
    some = mask.any(dim, keepdim=True)
    given_, weight = WAYS[way](logit, mask, dim)
    if way == "multiplied":
        # A place far below the others is not told from one that is masked; it has no weight.
        most = logit.where(mask, -torch.inf).amax(dim, keepdim=True)
        far = logit < most - 110
        mask = mask | far
        certain = far | (logit > logit.amax(dim, keepdim=True) - 85)
        certain &= most > logit.amax(dim, keepdim=True) - 85  # else all that is left is 0
    else:
        certain = torch.ones_like(mask)
    certain = certain & some
    assert torch.equal(attended(weight, given_, dim)[certain], mask[certain])


def test_without_logits_what_has_a_weight_is_attended_to():
    weight = torch.tensor([[0.5, 0.5, 0.0], [torch.nan] * 3])
    assert attended(weight, None, 1).tolist() == [[True, True, False], [False] * 3]


def test_a_nan_in_a_logit_is_no_mask():
    logit = torch.tensor([[0.0, torch.nan, 1.0], [-torch.inf] * 3])
    assert attended(logit.softmax(1), logit, 1).tolist() == [[True] * 3, [False] * 3]
