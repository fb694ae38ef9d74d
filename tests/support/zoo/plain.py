"""Models of nodes and graphs with layers of PyG, written as most people do."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    JumpingKnowledge,
    RGATConv,
    Sequential,
    SuperGATConv,
    TransformerConv,
    global_add_pool,
    global_mean_pool,
)

from support.zoo.graphs import EDGES, WIDTH


class Readout(nn.Module):
    """The usual end: pool, then a linear layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = nn.Linear(width, 1)

    def read(self, x: Tensor, batch: Tensor | None) -> Tensor:
        if batch is None:
            batch = x.new_zeros(x.size(0), dtype=torch.long)
        return self.head(global_mean_pool(x, batch))


class WithEdges(Readout):
    """Two layers that use edge features, with a residual and normalisation."""

    def __init__(self, layer: Any = TransformerConv, **options: Any) -> None:
        super().__init__(8)
        self.conv1 = layer(WIDTH, 4, heads=2, edge_dim=EDGES, **options)
        self.conv2 = layer(8, 4, heads=2, edge_dim=EDGES, **options)
        self.norm = nn.LayerNorm(8)

    def forward(self, x, edge_index, edge_attr, batch):
        x = F.elu(self.conv1(x, edge_index, edge_attr))
        x = self.norm(x + self.conv2(x, edge_index, edge_attr))
        return self.read(x, batch)


class Jumping(Readout):
    """Jumping knowledge over three layers."""

    def __init__(self) -> None:
        super().__init__(12)
        self.convs = nn.ModuleList([GATv2Conv(WIDTH, 4), GATv2Conv(4, 4), GATv2Conv(4, 4)])
        self.jump = JumpingKnowledge("cat")

    def forward(self, x, edge_index, batch):
        states = []
        for conv in self.convs:
            x = F.relu(conv(x, edge_index))
            states.append(x)
        return self.read(self.jump(states), batch)


class SharedLayer(Readout):
    """One layer called twice."""

    def __init__(self) -> None:
        super().__init__(WIDTH)
        self.conv = TransformerConv(WIDTH, WIDTH)

    def forward(self, x, edge_index, batch):
        return self.read(self.conv(F.relu(self.conv(x, edge_index)), edge_index), batch)


class Recurrent(Readout):
    """A layer and a recurrent cell, as often as asked."""

    def __init__(self, steps: int = 3) -> None:
        super().__init__(WIDTH)
        self.steps = steps
        self.attend = GATConv(WIDTH, WIDTH)
        self.cell = nn.GRUCell(WIDTH, WIDTH)

    def forward(self, x, edge_index, batch):
        for _ in range(self.steps):
            x = self.cell(self.attend(x, edge_index), x)
        return self.read(x, batch)


class Checkpointed(WithEdges):
    """The same with gradient checkpointing."""

    def forward(self, x, edge_index, edge_attr, batch):
        x = checkpoint(self.conv1, x, edge_index, edge_attr, use_reentrant=False)
        x = checkpoint(self.conv2, x, edge_index, edge_attr, use_reentrant=False)
        return self.read(x, batch)


class SelfSupervised(Readout):
    """SuperGAT, which gives its own loss beside the prediction."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv = SuperGATConv(WIDTH, 4, heads=2, concat=False, attention_type="MX")

    def forward(self, x, edge_index, batch):
        x = self.conv(x, edge_index, batch=batch)
        return self.read(x, batch), self.conv.get_attention_loss()


class ByRelation(Readout):
    """RGAT with a type per edge."""

    def __init__(self) -> None:
        super().__init__(8)
        self.conv = RGATConv(WIDTH, 4, num_relations=4, heads=2)

    def forward(self, x, edge_index, edge_type, batch):
        return self.read(self.conv(x, edge_index, edge_type), batch)


class OutputLayer(nn.Module):
    """A classifier of nodes that ends in one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = GATConv(WIDTH, 4, heads=2), GATConv(8, 1)

    def forward(self, x, edge_index):
        return self.conv2(F.elu(self.conv1(x, edge_index)), edge_index)


class NeverRun(Readout):
    """A model with a layer that it no longer calls."""

    def __init__(self) -> None:
        super().__init__(4)
        self.conv, self.old = GATConv(WIDTH, 4), GATv2Conv(WIDTH, 4)

    def forward(self, x, edge_index, batch):
        return self.read(self.conv(x, edge_index), batch)


def frozen() -> nn.Module:
    """Return a model whose parameters take no gradient."""
    return WithEdges(GATv2Conv).requires_grad_(False)


def narrow() -> nn.Module:
    """Return a model in bfloat16."""
    return WithEdges(GATv2Conv).bfloat16()


def sequential() -> nn.Module:
    """Return one of PyG's sequences."""
    return Sequential(
        "x, edge_index, batch",
        [
            (GATConv(WIDTH, 4), "x, edge_index -> x"),
            nn.ReLU(),
            (GATv2Conv(4, 4), "x, edge_index -> x"),
            (global_add_pool, "x, batch -> x"),
            nn.Linear(4, 1),
        ],
    )
