"""Which layer an error of capture is about."""

import pytest
from torch import nn
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.capturing.call_stack import layer_at_fault, reason_of
from edgescope.capturing.site_choice import select_sites
from edgescope.lib.errors import InputError
from support.coverage_cases import WIDTH, Net, Renumbered, graphs


def raised(model, **options):
    """Return the error of a model that is captured, and its sites."""
    batch = graphs()
    with pytest.raises(InputError) as found, es.capture(model, **options):
        model(batch.x, batch.edge_index)
    return found.value, select_sites(model, None)


def test_a_layer_whose_edges_cannot_be_told_apart_is_at_fault():
    error, sites = raised(Net(GATConv(WIDTH, WIDTH), Renumbered()))
    assert layer_at_fault(error, sites) == "layers.1.conv"
    assert not reason_of(error).endswith("sites=")
    assert reason_of(error).startswith("which row of layers.1.conv:logit belongs to which edge")


class Crossing(nn.Module):
    """Calls an attention module with keys that are not the queries."""

    def __init__(self):
        super().__init__()
        self.cross = nn.MultiheadAttention(WIDTH, 2, batch_first=True)

    def forward(self, x, edge_index):
        del edge_index
        return self.cross(x[None], x[None, :3], x[None, :3])[0][0]


def test_a_layer_that_is_called_in_an_unknown_way_is_at_fault():
    error, sites = raised(Net(GATConv(WIDTH, WIDTH), Crossing()))
    assert layer_at_fault(error, sites) == "layers.1.cross"


def test_what_is_done_with_the_activations_is_not_the_layers_fault():
    def refuse(_):
        raise InputError("no")

    error, sites = raised(Net(GATConv(WIDTH, WIDTH)), reduce=refuse)
    assert layer_at_fault(error, sites) is None


def test_an_error_of_the_model_is_not_the_layers_fault():
    class Refuses(Net):
        def forward(self, x, edge_index):
            super().forward(x, edge_index)
            raise InputError("no")

    error, sites = raised(Refuses(GATConv(WIDTH, WIDTH)))
    assert layer_at_fault(error, sites) is None
