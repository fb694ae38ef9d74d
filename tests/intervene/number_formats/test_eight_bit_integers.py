"""Eight-bit integers, held against plain numpy; and what a massive value costs its neighbours."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn
from torch_geometric.nn import Linear

from edgescope.intervene.number_formats.eight_bit_integers import (
    SCALES,
    as_int8,
    int8_loss,
    is_linear,
    round_to_int8,
)
from edgescope.intervene.number_formats.float_formats import Loss

AXIS = {"tensor": None, "channel": 0, "row": 1}


def by_hand(values, scale):
    """Rounded values in float64."""
    largest = np.abs(values).max(axis=AXIS[scale], keepdims=True)
    step = np.where(largest == 0, 1, largest / 127)
    return np.round(values / step) * step


TABLES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 5)),
    elements=st.floats(-1000, 1000, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3),
)


@pytest.mark.parametrize("scale", SCALES)
@given(values=TABLES)
def test_errors_of_rows_are_those_of_numpy(scale, values):
    found = int8_loss(torch.from_numpy(values), scale)
    exact = values.astype(np.float64)
    size = np.linalg.norm(exact, axis=1)
    error = np.linalg.norm(by_hand(exact, scale) - exact, axis=1)[size > 0] / size[size > 0]
    assert found.rounded == (size > 0).sum()
    # A number halfway between two integers may be rounded either way.
    assert found.total == pytest.approx(error.sum(), rel=1e-3, abs=2e-2)


def test_a_massive_value_costs_its_neighbours_all_they_have():
    torch.manual_seed(0)
    values = torch.randn(200, 8)
    values[3, 2] = 1e6
    per = {scale: int8_loss(values, scale) for scale in SCALES}
    # One scale for all: every other number becomes zero, on all edges.
    assert per["tensor"].vanishing == values.numel() - 1
    assert per["tensor"].mean == pytest.approx(199 / 200)
    # A scale for each edge: only those of that edge.
    assert per["row"].vanishing >= 7
    assert per["row"].mean < 0.01
    assert per["row"].of_others == pytest.approx(1 / 200, rel=2)
    # A scale for each channel: that channel of all the other edges.
    assert 199 <= per["channel"].vanishing < 230
    assert per["channel"].of_others < per["tensor"].of_others == pytest.approx(1)


@pytest.mark.parametrize("scale", SCALES)
def test_what_is_zero_empty_or_not_finite_has_no_error(scale):
    assert int8_loss(torch.zeros(3, 2), scale) == Loss()
    assert int8_loss(torch.zeros(0, 2), scale) == Loss()
    assert int8_loss(torch.zeros(2, 0), scale) == Loss()
    values = torch.tensor([[torch.nan, 1.0], [torch.inf, 1.0], [127.0, 1.0]])
    assert int8_loss(values, scale).rounded == 1
    assert as_int8(torch.tensor(3.0), scale) == 3


@pytest.mark.parametrize("scale", SCALES)
@given(values=TABLES)
def test_rounding_twice_is_rounding_once(scale, values):
    once = as_int8(torch.from_numpy(values), scale)
    assert torch.allclose(as_int8(once, scale), once, rtol=1e-5)


def test_a_model_is_rounded_where_it_is_said():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), Linear(3, 2))
    weights = [model[0].weight.clone(), model[2].weight.clone()]
    biases = [model[0].bias.clone(), model[2].bias.clone()]
    x = torch.randn(5, 4)
    round_to_int8(model)
    new = [as_int8(weight, "row") for weight in weights]
    hidden = as_int8(nn.functional.linear(x, new[0], biases[0]), "tensor")
    expected = as_int8(nn.functional.linear(hidden.relu(), new[1], biases[1]), "tensor")
    assert torch.allclose(model(x), expected, atol=1e-6)
    assert [is_linear(each) for each in (model[0], model[2], model[1])] == [True, True, False]


def test_numbers_that_are_too_small_to_be_divided_become_zero():
    for scale in SCALES:
        assert as_int8(torch.tensor([[0.0, 1e-45], [1e-44, 0.0]]), scale).eq(0).all()


def test_weights_that_are_computed_anew_in_every_call_are_rounded_too():
    plain, model = nn.Sequential(nn.Linear(3, 2)), nn.Sequential(nn.Linear(3, 2))
    plain.load_state_dict(model.state_dict())
    torch.nn.utils.parametrizations.weight_norm(model[0])
    for each in (plain, model):
        round_to_int8(each)
    torch.testing.assert_close(model[0].weight, plain[0].weight)
