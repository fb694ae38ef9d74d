"""Models of more than one graph or set of nodes, and of graphs in time."""

import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.nn import GATConv, GATv2Conv, TransformerConv, global_mean_pool

from support.zoo.graphs import WIDTH


class Recommender(nn.Module):
    """Users attend to items: two sets of nodes, and their sizes."""

    def __init__(self, layer: type[nn.Module] = GATv2Conv, *, sizes: bool = False) -> None:
        super().__init__()
        self.conv = layer((WIDTH, WIDTH), 4, add_self_loops=False)
        self.head, self.sizes = nn.Linear(4, 1), sizes

    def forward(self, x_s, x_t, edge_index, x_s_batch, x_t_batch):  # noqa: ARG002  (read by capture)
        size = {"size": (x_s.size(0), x_t.size(0))} if self.sizes else {}
        x = self.conv((x_s, x_t), edge_index, **size)
        return self.head(global_mean_pool(x, x_t_batch))


def with_sizes() -> nn.Module:
    return Recommender(GATConv, sizes=True)


class DrugPair(nn.Module):
    """The same layers on both molecules of a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = GATv2Conv(WIDTH, 4), nn.Linear(8, 1)

    def encode(self, x, edge_index, batch):
        return global_mean_pool(self.conv(x, edge_index).relu(), batch)

    def forward(self, x_s, edge_index_s, x_s_batch, x_t, edge_index_t, x_t_batch):
        both = self.encode(x_s, edge_index_s, x_s_batch), self.encode(x_t, edge_index_t, x_t_batch)
        return self.head(torch.cat(both, dim=1))


class TwoTowers(DrugPair):
    """A layer for each, called with two graphs."""

    def __init__(self) -> None:
        super().__init__()
        self.other = TransformerConv(WIDTH, 4)

    def forward(self, a, b):
        one = global_mean_pool(self.conv(a.x, a.edge_index), a.batch)
        two = global_mean_pool(self.other(b.x, b.edge_index), b.batch)
        return self.head(torch.cat([one, two], dim=1))


class OverTime(nn.Module):
    """A list of snapshots, one layer for all, and a recurrent cell."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.cell = GATConv(WIDTH, 4), nn.GRUCell(4, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, snapshots):
        state = None
        for each in snapshots:
            state = self.cell(self.conv(each.x, each.edge_index), state)
        return self.head(state)


class Temporal(nn.Module):
    """Edges with the second at which they came, which it encodes itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = TransformerConv(WIDTH, 4, edge_dim=4), nn.Linear(4, 1)
        self.encode = nn.Linear(1, 4)

    def forward(self, x, edge_index, edge_attr):
        since = (edge_attr - edge_attr.min()).float() / 86_400
        return self.head(self.conv(x, edge_index, self.encode(since[:, None]).cos()))


class Memory(nn.Module):
    """After TGN: a memory of nodes, and messages with the time since their last one."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("memory", torch.zeros(32, 4))
        self.embed = nn.Linear(WIDTH, 4)
        self.encode = nn.Linear(1, 4)
        self.attend = TransformerConv(4, 2, heads=2, edge_dim=4)
        self.head = nn.Linear(4, 1)

    def forward(self, x, edge_index, t, last_update):
        state = self.memory[: x.size(0)] + self.embed(x)
        since = last_update[edge_index[0]] - t
        state = self.attend(state, edge_index, self.encode(since[:, None]).cos())
        return self.head(F.relu(state))
