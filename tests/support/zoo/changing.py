"""Models that change the graph on its way: pool it, sort it, add to it, or make their own."""

import torch
from torch import nn
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    SAGPooling,
    TopKPooling,
    TransformerConv,
    global_mean_pool,
)
from torch_geometric.utils import add_self_loops, dropout_edge, sort_edge_index

from support.zoo.graphs import EDGES, WIDTH
from support.zoo.plain import Readout


class TopK(Readout):
    """A layer, pooling, and a layer on what is left."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv1, self.conv2 = GATConv(WIDTH, 4), GATConv(4, 4)
        self.pool = TopKPooling(4, ratio=0.6)

    def forward(self, x, edge_index, batch):
        x = self.conv1(x, edge_index).relu()
        x, edge_index, _, batch, *_ = self.pool(x, edge_index, None, batch)
        return self.read(self.conv2(x, edge_index), batch)


class ScoredByAttention(Readout):
    """Pooling whose score is a GATConv."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv = GATv2Conv(WIDTH, 4)
        self.pool = SAGPooling(4, ratio=0.5, GNN=GATConv)

    def forward(self, x, edge_index, batch):
        x = self.conv(x, edge_index).relu()
        x, edge_index, _, batch, *_ = self.pool(x, edge_index, None, batch)
        return self.read(x, batch)


class VirtualNode(Readout):
    """One node more in every graph, joined with all others."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv = TransformerConv(WIDTH, 4)

    def forward(self, x, edge_index, batch):
        graphs = int(batch.max()) + 1
        own = torch.arange(len(x))
        more = torch.stack([own, len(x) + batch])
        x = torch.cat([x, x.new_zeros(graphs, x.size(1))])
        x = self.conv(x, torch.cat([edge_index, more, more.flip(0)], dim=1))
        return self.head(x[len(own) :])


class LoopsFirst(Readout):
    """Adds self-loops before its layers, which add none."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv = GATv2Conv(WIDTH, 4, add_self_loops=False)

    def forward(self, x, edge_index, batch):
        edge_index, _ = add_self_loops(edge_index, num_nodes=x.size(0))
        return self.read(self.conv(x, edge_index), batch)


class Sorted(Readout):
    """Sorts the edges by target, with their features."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv = TransformerConv(WIDTH, 4, edge_dim=EDGES)

    def forward(self, x, edge_index, edge_attr, batch):
        edge_index, edge_attr = sort_edge_index(edge_index, edge_attr, sort_by_row=False)
        return self.read(self.conv(x, edge_index, edge_attr), batch)


class Dropping(Readout):
    """Drops edges while it is trained."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv = TransformerConv(WIDTH, 4, edge_dim=EDGES)

    def forward(self, x, edge_index, edge_attr, batch):
        edge_index, kept = dropout_edge(edge_index, p=0.4, training=self.training)
        return self.read(self.conv(x, edge_index, edge_attr[kept]), batch)


class Nearest(Readout):
    """Makes its own edges from the nodes: the nearest two."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv = GATv2Conv(WIDTH, 4, add_self_loops=False)

    def forward(self, x, batch):
        far = torch.cdist(x, x) + 1e6 * (batch[:, None] != batch)
        near = far.fill_diagonal_(1e9).argsort(1)[:, :2]
        target = torch.arange(len(x)).repeat_interleave(2)
        return self.read(self.conv(x, torch.stack([near.flatten(), target])), batch)


class InPlace(Readout):
    """Writes the sorted edges into the memory of those that it was given."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv = TransformerConv(WIDTH, 4, edge_dim=EDGES)

    def forward(self, x, edge_index, edge_attr, batch):
        order = edge_index[0].argsort(stable=True, descending=True)
        edge_index.copy_(edge_index[:, order])
        return self.read(self.conv(x, edge_index, edge_attr[order]), batch)


class PoolsAll(nn.Module):
    """Attention from the nodes of a graph to the graph: edges to another set of nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = GATConv(WIDTH, 4)
        self.pool = GATConv((4, 4), 4, add_self_loops=False)
        self.head = nn.Linear(4, 1)

    def forward(self, x, edge_index, batch):
        x = self.conv(x, edge_index).relu()
        to_graph = torch.stack([torch.arange(len(x)), batch])
        return self.head(self.pool((x, global_mean_pool(x, batch)), to_graph))
