"""What a hook notes of a run that leaves no trace is put back, in whatever way it notes it."""

from collections import Counter, defaultdict
from functools import partial

import pytest
import torch
from torch import nn

from edgescope.lib.noted_by_hooks import hooks_of
from edgescope.lib.trial_run import trial_run

EVERYWHERE: list[str] = []
COUNT = 0


def into_a_list_of_its_function():
    seen = []
    return (lambda *_: seen.append(1)), lambda: seen


def into_a_number_of_its_function():
    count = 0

    def hook(*_):
        nonlocal count
        count += 1

    return hook, lambda: count


def into_a_global_list():
    EVERYWHERE.clear()
    return (lambda *_: EVERYWHERE.append("ran")), lambda: EVERYWHERE


def into_a_global_number():
    def hook(*_):
        global COUNT  # noqa: PLW0603  (what hooks do)
        COUNT += 1

    return hook, lambda: COUNT


class Recorder:
    """Notes in attributes."""

    def __init__(self):
        self.count = 0
        self.seen = defaultdict(list)

    def note(self, *_):
        self.count += 1
        self.seen[str(self.count)].append(1)

    __call__ = note

    def held(self):
        return [self.count, dict(self.seen)]


def by_a_method():
    recorder = Recorder()
    return recorder.note, recorder.held


def by_an_object_that_is_called():
    recorder = Recorder()
    return recorder, recorder.held


def by_an_object_of_its_function():
    recorder = Recorder()
    return (lambda *_: recorder.note()), recorder.held


def by_an_argument_that_is_given():
    seen = Counter()
    return partial(lambda held, *_: held.update(["ran"]), seen), lambda: dict(seen)


def by_a_default():
    seen = {}

    def hook(*_, held=seen):
        held[len(held)] = 1

    return hook, lambda: seen


def by_another_function():
    inner, held = into_a_number_of_its_function()
    return (lambda *_: inner()), held


WAYS = [
    into_a_list_of_its_function,
    into_a_number_of_its_function,
    into_a_global_list,
    into_a_global_number,
    by_a_method,
    by_an_object_that_is_called,
    by_an_object_of_its_function,
    by_an_argument_that_is_given,
    by_a_default,
    by_another_function,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_hook_notes_is_put_back(way, when):
    hook, held = way()
    model, x = nn.Sequential(nn.Linear(2, 2)), torch.ones(1, 2)
    part = model[0]
    add = part.register_forward_pre_hook if when == "before" else part.register_forward_hook
    add(hook)
    model(x)
    before = repr(held())
    with trial_run(model, x) as given:
        model(given())
        assert repr(held()) != before
    assert repr(held()) == before
    model(x)
    assert repr(held()) != before


def test_a_hook_of_all_modules_is_one_of_the_model():
    handle = torch.nn.modules.module.register_module_forward_hook(Recorder())
    try:
        [hook] = hooks_of(nn.Linear(2, 2))
    finally:
        handle.remove()
    assert isinstance(hook, Recorder)
