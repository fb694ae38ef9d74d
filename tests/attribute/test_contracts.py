"""What every method of the table owes the model, the batch and the random numbers."""

import copy

import pytest
import torch
from torch.nn.modules.module import _global_forward_hooks

from edgescope.attribute import METHODS, Method, Settings, importances, make
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import call_model
from support.attribution_cases import data_set, own_model

MODELS = ("GraphTransformer", "GATv2", "TransformerConv", "GPS")
SETTINGS = Settings(steps=4, epochs=3)


class Failed(Exception):  # noqa: N818  (no error of ours)
    """What the failing model raises."""


def method_for(name, data, model):
    method = make(name, SETTINGS)
    method.prepare(model, data)
    return method


def state_of(model):
    """All that a method must leave as it was."""
    return {
        "weights": {k: v.clone() for k, v in model.state_dict().items()},
        "grads": {name: p.grad.clone() for name, p in model.named_parameters()},
        "asked": [p.requires_grad for p in model.parameters()],
        "names": [name for module in model.modules() for name in module._parameters],
        "modes": [module.training for module in model.modules()],
        "explain": [getattr(module, "explain", None) for module in model.modules()],
        "random": torch.get_rng_state(),
    }


def hooks_on(model):
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    found = [hook for m in model.modules() for kind in kinds for hook in getattr(m, kind)]
    kinds = [
        f"_{name}_forward{pre}_hooks"
        for name in ("propagate", "message", "edge_update", "aggregate")
        for pre in ("", "_pre")
    ]
    found += [hook for m in model.modules() for kind in kinds for hook in getattr(m, kind, ())]
    return found + list(_global_forward_hooks)


def assert_same(before, after):
    for name, value in before.items():
        if isinstance(value, dict):
            assert list(value) == list(after[name])
            assert all(v.equal(after[name][k]) for k, v in value.items()), name
        elif isinstance(value, torch.Tensor):
            assert value.equal(after[name]), name
        else:
            assert value == after[name], name


def trained(architecture):
    model = own_model(architecture).train()
    model.readout.eval()
    model.node_embedding.weight.requires_grad = False
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    return model


@pytest.mark.parametrize("architecture", MODELS)
@pytest.mark.parametrize("name", METHODS)
def test_a_method_leaves_everything_as_it_was(name, architecture):
    data, model = data_set([(3, [(0, 1), (1, 0), (1, 2), (2, 1)])]), trained(architecture)
    method = method_for(name, data, model)
    batch = data.batch([0])
    held = copy.deepcopy(batch.to_dict())
    before = state_of(model)
    method.attribute(model, batch)
    assert_same(before, state_of(model))
    assert not hooks_on(model)
    assert_same({"batch": held}, {"batch": batch.to_dict()})


@pytest.mark.parametrize("name", [name for name in METHODS if name not in {"random", "degree"}])
def test_a_model_that_raises_leaves_no_hook_behind(name):
    data = data_set([(3, [(0, 1), (1, 0), (1, 2), (2, 1)])])
    for architecture in MODELS:
        model = trained(architecture)
        method = method_for(name, data, model)
        before = state_of(model)
        if name == "edge_type_frequency":
            continue  # which never calls the model
        for passes in range(3):  # of occlusion and the like, another one than the first

            def failing(model, batch, left=[passes]):  # noqa: B006  (counts its calls)
                if left[0] == 0:
                    model.layers[-1].register_forward_pre_hook(fail)
                left[0] -= 1
                return call_model(model, batch)

            def fail(*_):
                raise Failed

            failed = True
            try:
                method.attribute(model, data.batch([0]), call=failing)
                failed = False
            except Failed:
                pass
            assert failed or passes
            model.layers[-1]._forward_pre_hooks.clear()
            assert not hooks_on(model)
            assert_same(before, state_of(model))


@pytest.mark.parametrize("architecture", MODELS)
@pytest.mark.parametrize("name", METHODS)
def test_a_batch_of_several_graphs_equals_batches_of_one(name, architecture):
    data, model = data_set(), own_model(architecture)
    if architecture == "GPS" or name == "gnnexplainer":
        data = data[[0, 1, 0, 4]]  # without self-loops and several edges between the same nodes
    method = method_for(name, data, model)
    whole = method.attribute(model, data.batch(slice(None)))
    single = [method.attribute(model, data.batch([number])) for number in range(len(data))]
    assert whole.shape == data.edge_index.shape[1:]
    torch.testing.assert_close(whole, torch.cat(single), rtol=1e-4, atol=1e-5)
    assert bool(whole.isfinite().all())


@pytest.mark.parametrize("name", METHODS)
def test_the_table_names_a_method_as_the_method_does(name):
    method = make(name, SETTINGS)
    assert isinstance(method, Method)
    assert method.name == name


@pytest.mark.parametrize("name", METHODS)
def test_a_data_set_without_edges_gets_no_importances(name):
    data = data_set([(1, []), (2, [])])
    found = importances(own_model(), data, [make(name, SETTINGS)], progress=False)
    assert found[name].edge.shape == (0,)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="unknown method 'occlusions', did you mean 'occlusion'"):
        make("occlusions")
