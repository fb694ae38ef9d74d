"""What is compiled in a model, and the paths of its parts as if nothing was."""

import pytest
import torch
from torch import nn

from edgescope.lib.compiled_parts import (
    compiled_parts,
    is_wrapper,
    named_parts,
    original,
    plain_path,
    uncompiled,
)


def block() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU()))


def wrapped(model: nn.Module) -> nn.Module:
    return torch.compile(model, backend="eager")


def several() -> nn.Module:
    model = block()
    model[0] = wrapped(model[0])
    model[1] = wrapped(model[1])
    model[1]._orig_mod[0] = wrapped(model[1]._orig_mod[0])
    return model


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (block, []),
        (several, ["0", "1"]),
        (lambda: wrapped(several()), [""]),
        (lambda: nn.ModuleList([wrapped(several())]), ["0"]),
        (lambda: torch.compiler.disable(block()), []),
        (lambda: torch.compiler.disable(several()), ["0", "1"]),
    ],
)
def test_the_outermost_compiled_parts_are_named(make, expected):
    assert compiled_parts(make()) == expected


def test_a_layer_that_is_compiled_in_one_of_its_places_is_named_there():
    layer = nn.Linear(2, 2)
    assert compiled_parts(nn.ModuleList([layer, wrapped(layer)])) == ["1"]
    assert compiled_parts(nn.ModuleList([wrapped(layer), layer])) == ["0"]


def test_functions_count_where_a_module_computes_with_them():
    class Own(nn.Linear):
        forward = torch.compile(nn.Linear.forward, backend="eager")

    class Never(nn.Linear):
        forward = torch.compiler.disable(nn.Linear.forward)

    holder, held = nn.Linear(2, 2), nn.Linear(2, 2)
    holder.act = torch.compile(torch.relu, backend="eager")
    held.forward = torch.compile(held.forward, backend="eager")
    model = nn.ModuleList([Own(2, 2), Never(2, 2), holder, held, nn.Linear(2, 2)])
    assert compiled_parts(model) == ["0", "2", "3"]
    assert uncompiled(Own.forward) is nn.Linear.forward
    assert uncompiled(Never.forward) is Never.forward
    assert uncompiled(None) is None


def test_parts_have_the_paths_that_they_have_if_nothing_is_compiled():
    model = wrapped(several())
    assert [(path, type(part)) for path, part in named_parts(model)] == [
        (path, type(part)) for path, part in block().named_modules()
    ]
    assert not any(is_wrapper(part) for _, part in named_parts(model))
    names = [plain_path(model, name) for name, _ in model.named_parameters()]
    assert names == [name for name, _ in block().named_parameters()]


def test_a_module_of_the_users_that_is_called_like_torchs_keeps_its_name():
    class Mine(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self._orig_mod = inner

    model = nn.Sequential(Mine(wrapped(nn.Linear(2, 2))))
    assert [path for path, _ in named_parts(model)] == ["", "0", "0._orig_mod"]
    assert plain_path(model, "0._orig_mod._orig_mod.weight") == "0._orig_mod.weight"
    assert original(model) is model


def test_a_part_that_is_held_twice_is_given_once_or_twice():
    layer = wrapped(nn.Linear(2, 2))
    model = nn.ModuleList([layer, layer])
    assert [path for path, _ in named_parts(model)] == ["", "0"]
    assert [path for path, _ in named_parts(model, each_once=False)] == ["", "0", "1"]
    assert original(layer) is layer._orig_mod
