"""A model of one layer on a small graph, and why it cannot be captured."""

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.lib.errors import InputError

EDGES = torch.tensor([[0, 1, 1, 2, 3, 0], [1, 0, 2, 3, 0, 2]])
X = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))


class Model(nn.Module):
    """One layer, called with the graph."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv(x, edge_index)


def gat(**options) -> GATConv:
    return GATConv(8, 4, heads=2, **options)


def refusal(model: nn.Module, *args, **options) -> str:
    """Return why a model cannot be captured; the message is one line."""
    options = {"discover": False, **options}
    with pytest.raises(InputError) as error, es.capture(model, **options):
        model(*(args or (X, EDGES)))
    message = str(error.value)
    assert "\n" not in message
    return message


def listed(model: nn.Module) -> str:
    """Return why a model has no site, as the table of its sites says."""
    table = es.capture.sites(model)
    reasons = table["reason"].drop_nulls().to_list()
    assert len(reasons) == len(table) == 1
    assert "\n" not in reasons[0]
    return reasons[0]


def weights(model: nn.Module, *args, **options):
    with es.capture(model.eval(), "conv:weight", **options) as tape:
        model(*(args or (X, EDGES)))
    return tape["conv:weight"]
