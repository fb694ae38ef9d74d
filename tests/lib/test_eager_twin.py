"""The eager twin is the original itself; copies compute with their own weights."""

import copy

import pytest
import torch
from torch import nn

from edgescope.lib.eager_twin import eager_copy, eager_twin, eager_words
from edgescope.lib.errors import EdgescopeWarning, InputError

X = torch.randn(3, 2)


def test_the_twin_is_the_original_and_is_warned_of_once():
    model = nn.Linear(2, 2)
    compiled = torch.compile(model, backend="eager")
    with pytest.warns(EdgescopeWarning, match="the model is compiled") as caught:
        assert eager_twin(compiled, stacklevel=2) is model
    assert caught[0].filename == __file__
    assert eager_twin(compiled) is model
    assert eager_twin(model) is model


def test_what_is_no_model_has_no_twin():
    with pytest.raises(InputError, match=r"expected a torch\.nn\.Module"):
        eager_twin("model.pt")


@pytest.mark.parametrize("kind", ["register_forward_hook", "register_forward_pre_hook"])
def test_hooks_of_the_wrapper_would_be_passed_over(kind):
    compiled = torch.compile(nn.Linear(2, 2), backend="eager")
    handle = getattr(compiled, kind)(lambda *_: None)
    with pytest.raises(InputError, match=r"hooks of its own.*register them on the original"):
        eager_twin(compiled)
    handle.remove()
    with pytest.warns(EdgescopeWarning):
        assert eager_twin(compiled) is compiled._orig_mod


def test_several_parts_are_named_together():
    assert eager_words(["a", "b"]).startswith("a, b are compiled: their eager originals are run,")


def test_a_copy_computes_with_its_own_weights():
    model = nn.Linear(2, 2)
    model.forward = torch.compile(model.forward, backend="eager")
    for made in (eager_copy(model), eager_copy(nn.Sequential(model))[0]):
        assert torch.equal(made(X), model(X))
        with torch.no_grad():
            made.weight.zero_()
            made.bias.zero_()
        assert not made(X).any()
        assert model(X).any()
    plain = copy.deepcopy(model)  # what this is for
    with torch.no_grad():
        plain.weight.zero_()
    assert torch.equal(plain(X), model(X))


def test_a_copy_of_a_wrapper_has_a_copy_of_the_original():
    model = nn.Sequential(torch.compile(nn.Linear(2, 2), backend="eager"))
    made = eager_copy(model)
    with torch.no_grad():
        made[0].weight.zero_()
        made[0].bias.zero_()
    assert not made(X).any()
    assert model(X).any()


def test_a_compiled_function_of_another_module_is_refused():
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    one.forward = torch.compile(other.forward, backend="eager")
    with pytest.raises(InputError, match="holds a compiled function of a Linear as forward"):
        eager_copy(one)


def test_compiled_functions_of_no_module_go_along():
    model = nn.Linear(2, 2)
    model.act = torch.compile(torch.relu, backend="eager")
    assert eager_copy(model).act is model.act
