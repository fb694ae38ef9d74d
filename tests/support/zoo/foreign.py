"""Models with attention, or something like it, that edgescope had no adapter for, or has none."""

import torch
from torch import nn
from torch_geometric.nn import (
    AGNNConv,
    DenseGATConv,
    DirGNNConv,
    FAConv,
    GATConv,
    GATv2Conv,
    GCNConv,
    HEATConv,
)
from torch_geometric.utils import softmax, to_dense_adj, to_dense_batch

from support.zoo.graphs import WIDTH
from support.zoo.plain import Readout


class NoAttention(Readout):
    """A GCN."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv1, self.conv2 = GCNConv(WIDTH, 4), GCNConv(4, 4)

    def forward(self, x, edge_index, batch):
        x = self.conv1(x, edge_index).relu()
        return self.read(self.conv2(x, edge_index), batch)


class Cosine(Readout):
    """AGNN."""

    def __init__(self) -> None:
        super().__init__(WIDTH)
        self.conv = AGNNConv()

    def forward(self, x, edge_index, batch):
        return self.read(self.conv(x, edge_index), batch)


class Frequencies(Readout):
    """FAGCN."""

    def __init__(self) -> None:
        super().__init__(WIDTH)
        self.conv = FAConv(WIDTH)

    def forward(self, x, edge_index, batch):
        return self.read(self.conv(x, x, edge_index), batch)


class EdgeTyped(Readout):
    """HEAT, with types of nodes and edges."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv = HEATConv(WIDTH, 4, 2, 4, 3, 3, 3)  # edges have types and features

    def forward(self, x, edge_index, edge_type, edge_attr, batch):
        kinds = torch.zeros(len(x), dtype=torch.long)
        return self.read(self.conv(x, edge_index, kinds, edge_type, edge_attr), batch)


class BothWays(Readout):
    """Attention along the edges, and along the same edges reversed."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv = DirGNNConv(GATv2Conv(WIDTH, 4))

    def forward(self, x, edge_index, batch):
        return self.read(self.conv(x, edge_index), batch)


class Louder(GATv2Conv):
    """Another message than its base class has."""

    def message(self, x_j, alpha):
        return 2 * x_j * alpha.unsqueeze(-1)


class Overrides(Readout):
    def __init__(self) -> None:
        super().__init__(4)
        self.conv = Louder(WIDTH, 4)

    def forward(self, x, edge_index, batch):
        return self.read(self.conv(x, edge_index), batch)


class HandWritten(nn.Module):
    """Attention in plain torch: no class that anybody else has."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(WIDTH, 4), nn.Linear(WIDTH, 4)
        self.value = nn.Linear(WIDTH, 4)

    def forward(self, x, edge_index):
        source, target = edge_index
        logit = (self.query(x)[target] * self.key(x)[source]).sum(-1) / 2
        weight = softmax(logit, target, num_nodes=len(x))
        value = self.value(x)[source] * weight[:, None]
        return value.new_zeros(len(x), 4).index_add(0, target, value)


class Half(Readout):
    """A layer that is known and one that is not."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv1, self.conv2 = GATConv(WIDTH, WIDTH), HandWritten()

    def forward(self, x, edge_index, batch):
        x = self.conv1(x, edge_index).relu()
        return self.read(self.conv2(x, edge_index), batch)


class ByHand(Readout):
    def __init__(self) -> None:
        super().__init__(4)
        self.attention = HandWritten()

    def forward(self, x, edge_index, batch):
        return self.read(self.attention(x, edge_index), batch)


class Dense(Readout):
    """Dense adjacency."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv = DenseGATConv(WIDTH, 4)

    def forward(self, x, edge_index, batch):
        dense, mask = to_dense_batch(x, batch)
        out = self.conv(dense, to_dense_adj(edge_index, batch), mask)
        return self.read(out[mask], batch)
