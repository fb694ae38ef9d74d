"""Outputs of modules are seen by their names, in order, and the model computes what it would."""

import torch
from torch import nn

from edgescope.intervene.number_formats.format_watch import MODEL, outputs_seen
from support.hooks_of import hooks_of


class Several(nn.Module):
    """A model whose parts run twice, return several things, or none that is a number."""

    def __init__(self):
        super().__init__()
        self.once = nn.Linear(2, 2)
        self.twice = nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True))
        self.parts = Parts()

    def forward(self, x):
        x = self.twice(self.twice(self.once(x)))
        return self.parts(x)["sum"]


class Parts(nn.Module):
    def forward(self, x):
        return {"sum": x + 1, "pair": (x, torch.arange(3)), "none": None}


def test_outputs_have_names_and_come_in_order():
    torch.manual_seed(0)
    model = Several()
    before = hooks_of(model)
    x = torch.randn(3, 2)
    expected = model(x)
    seen = []
    with outputs_seen(model, lambda name, values: seen.append((name, values))):
        found = model(x)
    assert torch.equal(found, expected)
    assert found.requires_grad
    assert [name for name, _ in seen] == [
        "once",
        *("twice.0", "twice.1", "twice"),
        *("twice.0@2", "twice.1@2", "twice@2"),
        *("parts[sum]", "parts[pair][0]"),
        MODEL,
    ]
    assert torch.equal(seen[-1][1], expected)
    assert hooks_of(model) == before


def test_no_hook_is_left_when_the_model_raises():
    model = Several()
    before = hooks_of(model)
    try:
        with outputs_seen(model, lambda *_: None):
            model(torch.randn(3, 5))
    except RuntimeError:
        pass
    assert hooks_of(model) == before
