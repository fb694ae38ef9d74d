"""Models whose attention no adapter knows, written by hand, with what it must give in numpy."""

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import Data

WIDTH = 4


class Gated(nn.Module):
    """Attention along edges with products as scores, written with plain operations."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.BatchNorm1d(WIDTH)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.norm(self.project(x))
        source, target = edge_index
        weight = (x[source] * x[target]).sum(-1, keepdim=True).exp()
        total = torch.zeros(len(x), 1).index_add(0, target, weight)
        message = weight / total[target] * x[source]
        return torch.zeros_like(x).index_add(0, target, message)


class TwoOfThem(nn.Module):
    """A model of two such layers, and a sum over each graph."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Gated()
        self.second = Gated()
        self.out = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        x = self.second(self.first(x, edge_index).relu(), edge_index)
        graphs = int(batch.max()) + 1
        return self.out(torch.zeros(graphs, WIDTH).index_add(0, batch, x))


def model(seed: int = 0) -> TwoOfThem:
    """A model with weights of its own, in training mode as its class makes it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TwoOfThem()


def graphs(number: int = 12, seed: int = 0) -> list[Data]:
    """Graphs with parallel edges, self-loops and, here and there, a node without an edge."""
    random = torch.Generator().manual_seed(seed)
    found = []
    for each in range(number):
        nodes = 5 + each % 4
        edges = torch.randint(0, nodes, (2, 3 * nodes), generator=random)
        x = torch.randn(nodes, WIDTH, generator=random)
        found.append(Data(x=x, edge_index=edges, y=torch.randn(1, 1, generator=random)))
    return found


def weights_of(layer: Gated, x: Tensor, edge_index: Tensor) -> np.ndarray:
    """Return the weights of a layer in eval mode ``[E]``, edge by edge."""
    with torch.no_grad():
        state = layer.eval().norm(layer.project(x)).double().numpy()
    source, target = edge_index.numpy()
    logit = np.array([state[s] @ state[t] for s, t in zip(source, target, strict=True)])
    power = np.exp(logit)
    return np.array([p / power[target == t].sum() for p, t in zip(power, target, strict=True)])
