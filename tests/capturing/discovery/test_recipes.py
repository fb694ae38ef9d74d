"""Numbers by which values are multiplied in a run, and the way back."""

from types import SimpleNamespace

import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.capturing.discovery.recipes import scaled

FACTOR = st.one_of(st.just(0.0), st.floats(0.1, 10), st.floats(-10, -0.1))
SCALE = st.lists(st.tuples(st.booleans(), FACTOR, st.booleans()), max_size=4)


@given(SCALE, st.sampled_from([torch.float32, torch.float64]))
def test_the_way_back_ends_where_it_began_and_what_has_no_effect_is_nothing(factors, dtype):
    factors = [(d, f, learnt) for d, f, learnt in factors if f or not d]  # no division by 0
    learnt = [torch.tensor([factor], dtype=dtype) for _, factor, _ in factors]
    trace = SimpleNamespace(values=[SimpleNamespace(now=each) for each in learnt])
    scale = tuple((d, n if own else f) for n, (d, f, own) in enumerate(factors))
    values = torch.tensor([[[3.0, -1 / 3]]], dtype=dtype)
    there = scaled(values, scale, trace)
    expected = torch.zeros_like(values) if any(not f for _, f, _ in factors) else values
    back = scaled(there, scale, trace, back=True)
    assert back.dtype == dtype
    torch.testing.assert_close(
        back, expected, rtol=1e-5 if dtype == torch.float32 else 1e-12, atol=0
    )
