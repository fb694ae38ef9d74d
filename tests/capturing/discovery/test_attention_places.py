"""Attention is found in the smallest module that computes all of it, and there once."""

import torch
from torch import nn

import edgescope as es

D = 4


class Layer(nn.Module):
    """Two heads, whose logits are a projection of both ends: what comes in has no heads for it."""

    def __init__(self):
        super().__init__()
        self.value, self.logit = nn.Linear(2 * D, 2 * D), nn.Linear(4 * D, 2)

    def forward(self, x, edge_index):
        source, target = edge_index
        power = self.logit(torch.cat([x[source], x[target]], dim=1)).exp()
        whole = torch.zeros(len(x), 2).index_add(0, target, power)
        sent = (power / whole[target])[..., None] * self.value(x).view(-1, 2, D)[source]
        return x + torch.zeros(len(x), 2, D).index_add(0, target, sent).flatten(1)


class Deep(nn.Module):
    """Calls of layers, one after the other."""

    def __init__(self, layers, calls):
        super().__init__()
        self.layers, self.calls = nn.ModuleList(layers), calls

    def forward(self, x, edge_index):
        for number in self.calls:
            x = self.layers[number](x, edge_index)
        return x


def captured(model):
    draw = torch.Generator().manual_seed(0)
    x, edge_index = torch.randn(5, 2 * D, generator=draw), torch.randint(5, (2, 9), generator=draw)
    es.capture.discover(model, x, edge_index)
    with torch.no_grad(), es.capture(model, "*:weight") as tape:
        model(x, edge_index)
    return list(tape.sites)


def test_each_of_several_layers_has_its_own():
    model = Deep([Layer(), Layer(), Layer()], [0, 1, 2])
    assert captured(model) == [f"layers.{n}:weight" for n in range(3)]


def test_a_layer_that_is_called_again_has_a_site_for_each_call():
    sites = captured(Deep([Layer(), Layer()], [0, 1, 0]))
    assert sites == ["layers.0:weight", "layers.1:weight", "layers.0@2:weight"]
