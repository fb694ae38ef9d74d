"""A copy of a model made while it is watched is a model by itself, without a hook."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

import edgescope as es
from support.hooks_of import hooks_of
from support.layer_cases import CASES
from support.situations import outcome, prepare, same

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def _saved(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


WAYS = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),  # noqa: S301  (our own bytes)
    "save": _saved,
    "average": lambda model: AveragedModel(model).module,
}
ways = pytest.mark.parametrize("way", WAYS)


@ways
@cases
def test_a_copy_made_inside_a_capture_has_no_hooks_and_works(case, way):
    model, inputs = prepare(case)
    expected = outcome(model, inputs).output
    own = len(hooks_of(model))
    with es.capture(model) as tape:
        twin = WAYS[way](model)
        assert len(hooks_of(model)) > own
        assert len(hooks_of(twin)) == own
        assert same(outcome(twin, inputs).output, expected)
        with pytest.raises(KeyError, match="not been computed yet"):
            tape[tape.sites[0]]
        with es.capture(twin) as other:  # it can be captured as well
            outcome(twin, inputs)
        outcome(model, inputs)
    assert len(hooks_of(model)) == own
    assert len(hooks_of(twin)) == own
    assert tape.sites == other.sites
    assert all(torch.equal(tape[site].values, other[site].values) for site in tape.sites)


@ways
def test_a_copy_made_inside_an_edit_is_not_edited(way):
    case = next(each for each in CASES if each.name.startswith("TransformerConv"))
    model, inputs = prepare(case)
    expected = outcome(model, inputs).output
    with es.capture.edit(model, "*:message", lambda found: found.values * 2):
        twin = WAYS[way](model)
        assert not same(outcome(model, inputs).output, expected)
        assert same(outcome(twin, inputs).output, expected)
    assert not hooks_of(twin)


@ways
def test_hooks_of_the_user_are_copied_with_a_model(way):
    model, inputs = prepare(CASES[0])
    model.register_forward_hook(_of_the_user)
    with es.capture(model):
        twin = WAYS[way](model)
        outcome(model, inputs)
    assert hooks_of(twin) == [_of_the_user]


def _of_the_user(*_: object) -> None:
    """Do nothing: a hook that a user has on a model."""
