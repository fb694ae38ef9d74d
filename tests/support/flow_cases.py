"""Models whose layers pass messages either way, and graphs with their edges turned around."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch_geometric.nn import GATConv, GATv2Conv, GENConv, SuperGATConv, TransformerConv

import edgescope as es
from edgescope.data.graphs import GraphDataset
from support.graph_sets import dataset_of, random_multigraph

FORWARD, BACK = "source_to_target", "target_to_source"

LAYERS = {
    "GAT": (GATConv, {"heads": 2, "concat": False, "edge_dim": 4, "fill_value": 0.5}),
    "GATv2": (GATv2Conv, {"heads": 2, "concat": False, "edge_dim": 4, "fill_value": 0.5}),
    "GATv2 without loops": (
        GATv2Conv,
        {"heads": 2, "concat": False, "edge_dim": 4, "add_self_loops": False},
    ),
    "Transformer": (TransformerConv, {"heads": 2, "concat": False, "edge_dim": 4}),
    "SuperGAT": (SuperGATConv, {"heads": 2, "concat": False}),
    "GEN": (GENConv, {"edge_dim": 4}),
}
"""Layers by name, each with options of its constructor.

The mean of features, with which layers fill their loops by default, is PyG's over the edges that
end in row 1, whatever the flow; such a layer does something else the other way round.
"""

WITH_WEIGHTS = ("GATv2", "GATv2 without loops", "Transformer")
"""Those that a scan takes by default and that have attention weights."""


class Stack(nn.Module):
    """Layers one after the other, each with a flow of its own; one output per graph."""

    def __init__(self, layer, flows, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        kind, options = LAYERS[layer]
        self.atom, self.bond = nn.Embedding(4, 6), nn.Embedding(3, 4)
        self.convs = nn.ModuleList(kind(6, 6, flow=flow, **options) for flow in flows)
        self.with_edges = "edge_dim" in options
        self.head = nn.Linear(6, 1)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.mul_(2)

    def states(self, x, edge_index, edge_attr):
        """States before the first layer and after each."""
        found = [self.atom(x)]
        bond = self.bond(edge_attr)
        for conv in self.convs:
            more = (bond,) if self.with_edges else ()
            found.append(conv(found[-1], edge_index, *more).tanh() + found[-1])
        return found

    def forward(self, x, edge_index, edge_attr, batch):
        state = self.states(x, edge_index, edge_attr)[-1]
        graphs = int(batch.max()) + 1
        return state.new_zeros(graphs, 1).index_add(0, batch, self.head(state))


def graphs(seed=0, number=10) -> GraphDataset:
    """Graphs with self-loops, duplicates, one-way edges and isolated nodes, with targets."""
    random = np.random.default_rng(seed)
    made = [
        random_multigraph(random, int(random.integers(2, 8)), int(random.integers(0, 16)))
        for _ in range(number)
    ]
    found = dataset_of(made, types=3)
    nodes = torch.from_numpy(random.integers(0, 4, len(found.x)))
    targets = torch.from_numpy(random.normal(size=(number, 1))).float()
    return replace(found, x=nodes, y=targets, task="regression", vocabulary=tuple("abcd"))


def turned(dataset: GraphDataset) -> GraphDataset:
    """The same graphs with every edge the other way."""
    return replace(dataset, edge_index=dataset.edge_index.flip(0))


def forward_and_back(layer, seed=0, layers=2):
    """Two models and their graphs: with the usual flow; and the other way on turned edges."""
    data = graphs(seed)
    return [
        (Stack(layer, [FORWARD] * layers, seed).eval(), data),
        (Stack(layer, [BACK] * layers, seed).eval(), turned(data)),
    ]


def scanned(model, dataset, **options):
    """Scan with a low threshold, so that there is much to find."""
    options = {"criterion": es.Criterion("some", ratio=4.0), "progress": False} | options
    return es.scan(model, es.data.loader(dataset, batch_size=4), **options)
