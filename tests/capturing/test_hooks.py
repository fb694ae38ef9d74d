"""However a capture ends, the model is left as it was found, and what comes next is right."""

import copy
import io
import pickle
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as torch_modules

import edgescope as es
from edgescope.capturing.hooks import Watching
from edgescope.capturing.sites import find_sites
from support.layer_cases import CASES
from support.situations import Outcome, outcome, prepare, same

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


class Own(Exception):  # noqa: N818  (stands for whatever a user raises)
    pass


def traces(model: nn.Module) -> Any:
    """Return all that a capture could change: hooks, attributes of modules, torch's functions."""
    hooks = {
        (path, name): list(value)
        for path, module in [("torch", torch_modules), *model.named_modules()]
        for name, value in vars(module).items()
        if "hooks" in name and isinstance(value, dict)
    }
    attributes = {path: set(vars(module)) for path, module in model.named_modules()}
    classes = {type(module): dict(vars(type(module))) for module in model.modules()}
    return hooks, attributes, classes, dict(vars(F))


def captured(model: nn.Module, inputs: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
    with es.capture(model) as tape:
        output = outcome(model, inputs).output
    return output, {site: tape[site].values for site in tape.sites}


@pytest.fixture
def usual():
    """Return a check that a model is as if it had never been captured."""

    def check(case, model: nn.Module, before: Any) -> None:
        assert traces(model) == before
        untouched, inputs = prepare(case)
        expected: Outcome = outcome(untouched, inputs)
        assert same(outcome(model, inputs).output, expected.output)
        output, values = captured(model, inputs)
        assert same(output, expected.output)
        for site, theirs in captured(untouched, inputs)[1].items():
            assert torch.equal(values[site], theirs)
        assert traces(model) == before

    return check


def ran(case) -> tuple[nn.Module, dict[str, Any], Any]:
    """Return a model that has run once, as layers may set attributes then, and its traces."""
    model, inputs = prepare(case)
    outcome(model, inputs)
    return model, inputs, traces(model)


@cases
def test_nothing_is_left_after_the_block(case, usual):
    model, inputs, before = ran(case)
    with es.capture(model):
        assert traces(model) != before
        outcome(model, inputs)
    usual(case, model, before)


@cases
def test_nothing_is_left_after_nested_captures_that_end_in_any_order(case, usual):
    model, inputs, before = ran(case)
    outer, inner = ExitStack(), ExitStack()
    outer.enter_context(es.capture(model))
    tape = inner.enter_context(es.capture(model))
    outer.close()
    outcome(model, inputs)
    assert all(tape[site].values.isfinite().all() for site in tape.sites)
    inner.close()
    usual(case, model, before)


@cases
@pytest.mark.parametrize("error", [Own, KeyboardInterrupt])
def test_nothing_is_left_when_the_block_raises(case, error, usual):
    model, inputs, before = ran(case)
    with suppress(error), es.capture(model):
        outcome(model, inputs)
        raise error
    usual(case, model, before)


@cases
def test_nothing_is_left_when_reduce_raises(case, usual):
    model, inputs, before = ran(case)

    def reduce(_):
        raise Own

    with pytest.raises(Own), es.capture(model, reduce=reduce):
        outcome(model, inputs)
    usual(case, model, before)


@cases
@pytest.mark.parametrize("error", [Own, KeyboardInterrupt])
def test_nothing_is_left_when_any_part_of_the_model_raises(case, error, usual):
    model, inputs, before = ran(case)

    def fail(*_: object) -> None:
        raise error

    for part in model.modules():
        with suppress(error), es.capture(model):
            handle = part.register_forward_hook(fail)
            try:
                outcome(model, inputs)
            finally:
                handle.remove()
    usual(case, model, before)


@cases
def test_a_model_that_raised_can_run_again_in_the_same_block(case):
    model, inputs, _ = ran(case)
    expected = captured(model, inputs)[1]

    def fail(*_: object) -> None:
        raise Own

    with es.capture(model) as tape:
        for part in model.modules():
            handle = part.register_forward_hook(fail)
            with suppress(Own):
                outcome(model, inputs)
            handle.remove()
        outcome(model, inputs)
    assert list(expected) == tape.sites
    assert all(torch.equal(tape[site].values, expected[site]) for site in tape.sites)


@cases
@pytest.mark.parametrize("hooks", [0, 1])
def test_nothing_is_left_when_an_adapter_cannot_attach(case, hooks, usual, monkeypatch):
    model, _, before = ran(case)
    last = find_sites(model)[-1]
    attach = type(last.adapter).attach

    def breaks(self, layer, *args):
        found = attach(self, layer, *args)
        if layer is not last.layer:
            yield from found
            return
        for _ in range(hooks):
            yield next(found)
        raise Own

    with monkeypatch.context() as patch:
        patch.setattr(type(last.adapter), "attach", breaks)
        with pytest.raises(Own):
            es.capture(model).__enter__()
    usual(case, model, before)


@cases
def test_a_capture_that_is_never_entered_leaves_nothing(case):
    model, _, before = ran(case)
    es.capture(model)
    assert traces(model) == before


@cases
def test_a_model_can_be_copied_and_pickled_afterwards(case, usual):
    model, inputs, before = ran(case)
    captured(model, inputs)
    usual(case, copy.deepcopy(model), before)
    usual(case, pickle.loads(pickle.dumps(model)), before)  # noqa: S301  (our own bytes)


@cases
def test_a_copy_made_inside_the_block_works_and_is_not_recorded(case):
    model, inputs, _ = ran(case)
    expected = outcome(model, inputs).output
    with es.capture(model) as tape:
        twin = copy.deepcopy(model)
        outcome(twin, inputs)
        with pytest.raises(KeyError, match="not been computed yet"):
            tape[tape.sites[0]]
        outcome(model, inputs)
    assert same(outcome(twin, inputs).output, expected)
    assert all(torch.equal(captured(twin, inputs)[1][s], tape[s].values) for s in tape.sites)


def hooks_of(model: nn.Module) -> list[Any]:
    return [
        hook
        for module in model.modules()
        for name, hooks in vars(module).items()
        if name.endswith("_hooks") and isinstance(hooks, dict)
        for hook in hooks.values()
    ]


def by_torch(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    twin: nn.Module = torch.load(file, weights_only=False)
    return twin


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),  # noqa: S301  (our own bytes)
    "torch.save": by_torch,
    "averaged": torch.optim.swa_utils.AveragedModel,
}


@cases
@pytest.mark.parametrize("way", COPIES)
def test_a_copy_made_inside_the_block_has_no_hook_of_it_and_works(case, way):
    model, inputs, before = ran(case)
    with es.capture(model):
        expected = outcome(model, inputs).output
        assert {type(hook) for hook in hooks_of(model)} == {Watching}
        twin = COPIES[way](model)
        assert hooks_of(twin) == []
        if way != "averaged":
            unwatched = {at: numbers for at, numbers in before[0].items() if at[0] != "torch"}
            assert unwatched.items() <= traces(twin)[0].items()
    assert same(outcome(twin, inputs).output, expected)
