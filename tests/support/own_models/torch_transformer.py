"""A graph transformer in plain torch, which edgescope has no adapter for."""

import torch
from torch_geometric.loader import DataLoader
from torch_geometric.utils import softmax
from toy_molecules import ATOMS, BONDS, molecules


class Attention(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.e = (torch.nn.Linear(width, width) for _ in range(4))

    def forward(self, x, edge_index, edge):
        source, target = edge_index
        q, k, v = (f(x).view(len(x), self.heads, -1) for f in (self.q, self.k, self.v))
        bias = self.e(edge).view(len(edge), self.heads, -1)
        logit = (q[target] * (k[source] + bias)).sum(-1) / q.size(-1) ** 0.5
        weight = softmax(logit, target, num_nodes=len(x))
        out = torch.zeros_like(v).index_add(0, target, weight.unsqueeze(-1) * v[source])
        return out.flatten(1)


class Transformer(torch.nn.Module):
    def __init__(self, width=16, heads=2, depth=2):
        super().__init__()
        self.atoms = torch.nn.Embedding(ATOMS, width)
        self.bonds = torch.nn.Embedding(BONDS, width)
        self.attention = torch.nn.ModuleList(Attention(width, heads) for _ in range(depth))
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(width) for _ in range(depth))
        self.out = torch.nn.Linear(width, 1)

    def forward(self, x, edge_index, edge_attr, batch):
        x, edge = self.atoms(x.view(-1)), self.bonds(edge_attr)
        for attention, norm in zip(self.attention, self.norms, strict=True):
            x = norm(x + attention(x, edge_index, edge))
        size = int(batch.max()) + 1
        return self.out(torch.zeros(size, x.size(1)).index_add(0, batch, x))


def build(**sizes):
    return Transformer(**sizes), DataLoader(molecules(seed=1), batch_size=8)
