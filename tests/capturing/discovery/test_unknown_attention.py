"""When a model is looked into by itself, and when not."""

import torch
from torch import nn
from torch_geometric.nn import GATv2Conv, GCNConv

import edgescope as es
from edgescope.capturing.discovery.unknown_attention import discover_unknown, may_discover
from support.hand_written import WIDTH, Gated, graphs, model

GRAPH = graphs(1)[0]
ARGUMENTS = GRAPH.x, GRAPH.edge_index, torch.zeros(len(GRAPH.x), dtype=torch.long)


def call(net, arguments):
    return net(*arguments)


def test_a_model_that_adapters_know_is_not_looked_into():
    assert not may_discover(nn.ModuleList([GATv2Conv(WIDTH, WIDTH)]))


def test_what_passes_messages_beside_is_looked_into_once():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.known, self.other = GATv2Conv(WIDTH, WIDTH), GCNConv(WIDTH, WIDTH)
            self.runs = []

        def forward(self, x, edge_index):
            self.runs.append(None)
            return self.other(self.known(x, edge_index), edge_index)

    runs = []
    net = Net()
    assert may_discover(net)

    def counted(net, arguments):
        runs.append(1)
        return net(*arguments)

    discover_unknown(net, ARGUMENTS[:2], counted)
    assert runs == [1]
    assert net.runs == []
    assert not may_discover(net)
    [gap] = es.capture.coverage(net).unseen
    assert gap.reason.endswith("discovery found no attention along edges in it")
    discover_unknown(net, ARGUMENTS[:2], counted)
    assert runs == [1]


def test_a_batch_without_edges_decides_nothing():
    net = model().eval()
    nothing = torch.zeros(2, 0, dtype=torch.long)
    discover_unknown(net, (GRAPH.x, nothing, ARGUMENTS[2]), call)
    assert may_discover(net)
    discover_unknown(net, ARGUMENTS, call)
    assert not may_discover(net)
    assert es.capture.coverage(net).share() == "2 of 2 attention-like layers (2 discovered)"


def test_lazy_models_are_not_looked_into():
    lazy = nn.Sequential(nn.LazyLinear(3), Gated())
    assert not may_discover(lazy)
    assert may_discover(torch.compile(Gated()))  # in its original
