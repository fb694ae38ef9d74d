"""Models of which part or all attends in a way that nobody looks at, and graphs for them."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import (
    AttentionalAggregation,
    DenseGATConv,
    DNAConv,
    GATConv,
    GATv2Conv,
    GCNConv,
    GINConv,
    MessagePassing,
    PerformerAttention,
    SAGEConv,
)
from torch_geometric.utils import softmax

import edgescope as es

WIDTH = 8


def graphs(sizes=(5, 6, 9), seed=0) -> Batch:
    """Graphs that every model of this file takes."""
    random = torch.Generator().manual_seed(seed)
    return Batch.from_data_list(
        [
            Data(
                x=torch.randn(nodes, WIDTH, generator=random),
                edge_index=torch.randint(0, nodes, (2, 4 * nodes), generator=random),
            )
            for nodes in sizes
        ]
    )


class Net(nn.Module):
    """Layers one after the other, each called with node states and edges."""

    def __init__(self, *layers: nn.Module, read_out: nn.Module | None = None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.read_out = read_out

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, edge_index)
        return x if self.read_out is None else self.read_out(x)


class Called(nn.Module):
    """A layer that is called in a way of its own."""

    def __init__(self, inner: nn.Module, how: Any) -> None:
        super().__init__()
        self.inner = inner
        self.how = how

    def forward(self, x: Tensor, edge_index: Tensor) -> Any:
        return self.how(self.inner, x, edge_index)


def dense(layer: nn.Module, x: Tensor, edge_index: Tensor) -> Tensor:
    """Call a layer that takes an adjacency matrix."""
    adjacency = torch.eye(len(x))
    adjacency[edge_index[1], edge_index[0]] = 1
    return layer(x[None], adjacency[None])[0]


class Uniform(nn.Module):
    """A hand-written layer with exactly uniform attention."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        source, target = edge_index
        share = softmax(torch.zeros(len(source)), target, num_nodes=len(x))
        message = share.unsqueeze(1) * self.value(x)[source]
        return torch.zeros_like(x).index_add(0, target, message)


class ByExp(Uniform):
    """The same with exponentials, which are divided by their sum after the messages are."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        source, target = edge_index
        power = (x[source] * x[target]).sum(1, keepdim=True).clamp(-5, 5).exp()
        total = power.new_zeros(len(x), 1).index_add(0, target, power)
        summed = torch.zeros_like(x).index_add(0, target, power * self.value(x)[source])
        return summed / (total + 1e-9)


class Gated(Uniform):
    """Messages that are weighed by a sigmoid, which is no softmax."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        source, target = edge_index
        gate = (x[source] * x[target]).sum(1, keepdim=True).sigmoid()
        return torch.zeros_like(x).index_add(0, target, gate * self.value(x)[source])


class Pairs(Uniform):
    """Attention of all nodes to all nodes, through torch's fused kernel."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        del edge_index
        states = x.view(1, 1, *x.shape)
        return F.scaled_dot_product_attention(states, states, self.value(states))[0, 0]


class Helped(Uniform):
    """Attention in a function outside the class, which no name of the class speaks of."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return _mixed(x, edge_index, self.value(x))


def _mixed(x: Tensor, edge_index: Tensor, value: Tensor) -> Tensor:
    adjacency = torch.eye(len(x))
    adjacency[edge_index[1], edge_index[0]] = 1
    return (x @ x.T).masked_fill(adjacency == 0, -torch.inf).softmax(-1) @ value


class Doubled(GATConv):
    """A subclass that overrides message."""

    def message(self, x_j: Tensor, alpha: Tensor) -> Tensor:
        return 2 * super().message(x_j, alpha)


class OwnMessages(MessagePassing):
    """A user's layer in which nothing speaks for attention or against it."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x)


class Cosine(MessagePassing):
    """Attention by the cosine of two states, written by hand."""

    def __init__(self) -> None:
        super().__init__(aggr="add")

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x, unit=F.normalize(x))

    def message(self, x_j: Tensor, unit_i: Tensor, unit_j: Tensor, index: Tensor) -> Tensor:
        return x_j * softmax((unit_i * unit_j).sum(-1), index).unsqueeze(-1)


class Renumbered(nn.Module):
    """A known layer that is given renumbered nodes, so that no row can be told apart."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = GATConv(WIDTH, WIDTH)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        order = torch.arange(len(x)).flip(0)
        return self.conv(x[order], order[edge_index])[order]


class Idle(nn.Module):
    """A known layer that is not run."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = GATConv(WIDTH, WIDTH)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        del edge_index
        return x


def _jumping(layer: nn.Module, x: Tensor, edge_index: Tensor) -> Tensor:
    return layer(torch.stack([x, -x], 1), edge_index)


class Kind(NamedTuple):
    """A way to attend, or to pass messages, that nobody looks at."""

    name: str
    make: Any
    layer: str
    """Class of the layer, as results name it."""
    kind: str
    """What it is, after the model has run."""
    reason: str
    """Part of the reason."""


UNKNOWN = "no adapter knows this layer"

KINDS = [
    Kind("cosines by hand", Cosine, "Cosine", "attention", UNKNOWN),
    Kind("DNAConv", lambda: Called(DNAConv(WIDTH), _jumping), "DNAConv", "attention", UNKNOWN),
    Kind(
        "softmax aggregation",
        lambda: SAGEConv(WIDTH, WIDTH, aggr="softmax"),
        "SAGEConv",
        "attention",
        UNKNOWN,
    ),
    Kind("uniform by hand", Uniform, "Uniform", "attention", UNKNOWN),
    Kind("by exponentials", ByExp, "ByExp", "attention", UNKNOWN),
    Kind("gated by hand", Gated, "Gated", "perhaps", UNKNOWN),
    Kind("a fused kernel", Pairs, "Pairs", "attention", UNKNOWN),
    Kind("in a function", Helped, "Helped", "attention", UNKNOWN),
    Kind(
        "DenseGAT",
        lambda: Called(es.models.DenseGAT(WIDTH, WIDTH), dense),
        "DenseGAT",
        "attention",
        UNKNOWN,
    ),
    Kind(
        "DenseGATConv",
        lambda: Called(DenseGATConv(WIDTH, WIDTH), dense),
        "DenseGATConv",
        "attention",
        UNKNOWN,
    ),
    Kind(
        "linear attention",
        lambda: Called(PerformerAttention(WIDTH, 2), lambda layer, x, _: layer(x[None])[0]),
        "PerformerAttention",
        "attention",
        "linear attention computes nothing for a pair of nodes",
    ),
    Kind("overrides message", lambda: Doubled(WIDTH, WIDTH), "Doubled", "attention", "overrides"),
    Kind(
        "no part of the graph",
        lambda: _unexplained(GATConv(WIDTH, WIDTH)),
        "GATConv",
        "attention",
        "it is marked explain = False",
    ),
    Kind("renumbered nodes", Renumbered, "GATConv", "attention", "belongs to which edge cannot be"),
    Kind("a user's own messages", OwnMessages, "OwnMessages", "perhaps", UNKNOWN),
    Kind("GCNConv", lambda: GCNConv(WIDTH, WIDTH), "GCNConv", "message passing", UNKNOWN),
    Kind(
        "GINConv", lambda: GINConv(nn.Linear(WIDTH, WIDTH)), "GINConv", "message passing", UNKNOWN
    ),
]
"""Every kind of model of which a diagnosis could be an all-clear without a look."""


def _unexplained(layer: nn.Module) -> nn.Module:
    layer.explain = False
    return layer


def model_of(kind: Kind, *, mixed: bool) -> Net:
    """Return a model of one such layer; ``mixed`` with one that is looked at before it."""
    torch.manual_seed(0)
    known = [GATv2Conv(WIDTH, WIDTH, heads=1)] if mixed else []
    return Net(*known, kind.make()).eval()


def read_out() -> nn.Module:
    """Return a read-out that attends to nodes."""
    return AttentionalAggregation(nn.Linear(WIDTH, 1))
