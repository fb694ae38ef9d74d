"""Compiled and TorchScript modules call no hooks: they are refused, with what to do."""

import copy
from pathlib import Path

import pytest
import torch
import torch._dynamo
from torch import nn
from torch._dynamo.symbolic_convert import InstructionTranslator

import edgescope as es
from edgescope.lib.errors import InputError
from support.one_layer import EDGES, Model, X, gat, listed, refusal, weights


def compiled_part(conv: nn.Module) -> nn.Module:
    return Model(torch.compile(conv))


def compiled_in_place(conv: nn.Module) -> nn.Module:
    model = Model(conv)
    model.compile()
    return model


def part_compiled_in_place(conv: nn.Module) -> nn.Module:
    model = Model(conv)
    model.conv.compile()
    return model


def forward_compiled(conv: nn.Module) -> nn.Module:
    model = Model(conv)
    model.forward = torch.compile(model.forward)
    return model


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (lambda conv: torch.compile(Model(conv)), "use the original module.*_orig_mod"),
        (compiled_part, "use the original module.*_orig_mod"),
        (compiled_in_place, "capture a copy.deepcopy of the model"),
        (part_compiled_in_place, "capture a copy.deepcopy of the model"),
        (forward_compiled, "capture a model whose forward is not"),
    ],
)
def test_a_compiled_module_is_refused(make, remedy):
    model = make(gat())
    found = pytest.raises(InputError, match=rf"compiled.* may never be called; {remedy}")
    with found, es.capture(model):
        pass
    assert "may never be called" in listed(model)


@pytest.mark.parametrize("make", [compiled_in_place, part_compiled_in_place])
def test_a_copy_of_a_model_compiled_in_place_can_be_captured(make):
    model = make(gat())
    assert weights(copy.deepcopy(model)).values.shape == (10, 2, 1)


def test_other_layers_of_a_model_with_a_compiled_part_can_be_captured():
    model = Model(gat())
    model.head = torch.compile(nn.Linear(8, 1))
    assert weights(model).values.shape == (10, 2, 1)
    assert es.capture.sites(model)["reason"].is_not_null().sum() == 1


def test_a_captured_model_that_runs_compiled_says_that_nothing_was_computed():
    model = Model(gat())
    run = torch.compile(model, backend="eager")
    with es.capture(model) as tape:
        run(X, EDGES)
    with pytest.raises(KeyError, match=r"run the model inside the block, and not within torch.com"):
        tape["conv:weight"]


@pytest.mark.filterwarnings("ignore")  # TorchScript is deprecated and warns of tracing
@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.jit.trace(Model(gat()).eval(), (X, EDGES), check_trace=False),
        lambda: torch.jit.script(nn.Linear(8, 8)),
        lambda: nn.Sequential(torch.jit.script(nn.Linear(8, 8))),
    ],
)
def test_a_torchscript_module_is_refused(make):
    model = make()
    expected = "it is a TorchScript module, whose layers call no hooks; capture the module that"
    assert expected in refusal(model)
    assert listed(model).startswith(expected)


def test_the_compiler_traces_nothing_that_observes(monkeypatch):
    class Halves(Model):
        def __init__(self):
            super().__init__(gat())
            self.compiled = torch.compile(gat(), backend="eager")

        def forward(self, x, edge_index):
            return self.conv(self.compiled(x, edge_index), edge_index)

    traced = []
    begin = InstructionTranslator.run

    def run(translator):
        traced.append(translator.f_code.co_filename)
        return begin(translator)

    torch._dynamo.reset()
    monkeypatch.setattr(InstructionTranslator, "run", run)
    model = Halves().eval()
    with torch.no_grad(), es.capture(model, "conv:weight"):
        model(X, EDGES)
    assert traced  # the compiled half was
    assert [file for file in traced if file.startswith(str(Path(es.__file__).parent))] == []
