"""Tensors of two models in any mixture, by name; other architectures are refused."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgescope.intervene.origins.state_exchange import Exchange, state_of, unit_of
from edgescope.lib.errors import InputError
from support.planted_causes import ARCHITECTURES, trained_from


@pytest.fixture(scope="module")
def pair():
    torch.manual_seed(0)
    untrained = ARCHITECTURES["GraphTransformer"]()
    return trained_from(untrained), untrained


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_mixture_has_each_tensor_of_the_one_or_the_other_to_the_bit(pair, data):
    trained, untrained = pair
    exchange = Exchange(trained, untrained)
    names = data.draw(st.sets(st.sampled_from(exchange.changed)))
    exchange.rewind(exchange.changed)
    exchange.rewind(names)
    now, after, before = (state_of(model) for model in (exchange.model, trained, untrained))
    for name, tensor in now.items():
        assert torch.equal(tensor, before[name] if name in names else after[name])


def test_units_divide_all_that_has_changed_and_statistics_stay_together(pair):
    exchange = Exchange(*pair)
    for level in ("layer", "module", "tensor"):
        units = exchange.units(level)
        assert sorted(name for names in units.values() for name in names) == sorted(
            exchange.changed
        )
    assert list(exchange.units("layer"))[:3] == ["node_embedding", "edge_embedding", "layers.0"]
    running = exchange.units("tensor")["layers.0.node.norm1.running_*"]
    assert {name.rpartition(".")[2] for name in running} == {"running_mean", "running_var"}
    assert "layers.0.node.norm1.weight" in exchange.units("tensor")
    # Nothing has been counted in either model.
    assert not any(name.endswith("num_batches_tracked") for name in exchange.changed)


def test_names_of_units():
    assert unit_of("gamma", "layer") == unit_of("gamma", "module") == "(the model)"
    assert unit_of("0.weight", "layer") == "0"
    assert unit_of("convs.1.lin.weight", "module") == "convs.1.lin"


def test_a_state_dict_does_as_well_and_names_what_it_lacks(pair):
    trained, untrained = pair
    exchange = Exchange(trained, untrained.state_dict())
    assert exchange.changed == Exchange(trained, untrained).changed
    assert exchange.kept == ()
    fewer = dict(list(untrained.state_dict().items())[1:])
    with pytest.raises(InputError, match=r"it lacks node_embedding\.weight"):
        Exchange(trained, fewer)
    with pytest.raises(InputError, match="it has more besides"):
        Exchange(trained, {**untrained.state_dict(), "more": torch.zeros(1)})
    with pytest.raises(InputError, match="expected tensors alone"):
        Exchange(trained, {**untrained.state_dict(), "more": 1})


def test_shared_and_passing_tensors_are_taken_once():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(2, 2)
            self.other = nn.Linear(2, 2)
            self.other.weight = self.one.weight
            self.register_buffer("passing", torch.zeros(2), persistent=False)

    trained, untrained = Shared(), Shared()
    trained.passing += 1
    assert "passing" in Exchange(trained, untrained).changed
    exchange = Exchange(trained, untrained.state_dict())
    assert exchange.kept == ("passing",)
    assert set(exchange.changed) == {"one.weight", "one.bias", "other.bias"}
    exchange.rewind(["one.weight"])
    assert torch.equal(exchange.model.other.weight, untrained.one.weight)


@pytest.mark.parametrize("change", ["shape", "type"])
def test_other_shapes_and_types_are_refused_by_name(pair, change):
    trained, untrained = copy.deepcopy(pair[0]), copy.deepcopy(pair[1])
    if change == "type":
        untrained.half()
    else:
        untrained.node_embedding = nn.Embedding(4, 8)
    with pytest.raises(InputError, match=rf"node_embedding\.weight has the {change}"):
        Exchange(trained, untrained)


def test_not_a_number_is_itself_and_minus_zero_is_not_zero():
    one, other = nn.Linear(2, 1), nn.Linear(2, 1)
    with torch.no_grad():
        for model, zero in ((one, 0.0), (other, -0.0)):
            model.weight.copy_(torch.tensor([[torch.nan, torch.inf]]))
            model.bias.fill_(zero)
    assert Exchange(one, other).changed == ("bias",)


def test_a_state_dict_with_two_values_of_one_tensor_is_refused():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Linear(2, 2), nn.Linear(2, 2)
            self.other.weight = self.one.weight

    given = {name: tensor.clone() for name, tensor in Tied().state_dict().items()}
    assert len(Exchange(Tied(), given).changed) == 3
    given["other.weight"] += 1
    with pytest.raises(InputError, match=r"other.weight than as one.weight, which are one tensor"):
        Exchange(Tied(), given)
