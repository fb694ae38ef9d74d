"""Attention over tables of neighbours [B, L, K] of each graph of a dense batch."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from support.attention_zoo.by_hand import DIM, attend, normalised, site, summed
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import EDGES, WIDTH, multigraphs

NONE = -9e8
"""What is added to logits of padding."""


def padded_tables():
    """Return nodes and bonds of graphs, padded, and tables of both; the last place is padding."""
    data = multigraphs()
    graphs = data.to_data_list()
    length = max(graph.num_nodes for graph in graphs) + 1
    bonds = max(graph.num_edges for graph in graphs) + 1
    count = len(graphs)
    x, e = torch.zeros(count, length, WIDTH), torch.zeros(count, bonds, EDGES)
    of_atoms = torch.full((count, length, 6), length - 1)
    of_bonds = torch.full((count, length, 6), bonds - 1)
    for b, graph in enumerate(graphs):
        x[b, : graph.num_nodes], e[b, : graph.num_edges] = graph.x, graph.edge_attr
        for node in range(graph.num_nodes):
            mine = torch.nonzero(graph.edge_index[1] == node)[:, 0]
            of_atoms[b, node, : len(mine)] = graph.edge_index[0][mine]
            of_bonds[b, node, : len(mine)] = mine
    return {"x": x, "e": e, "of_atoms": of_atoms, "of_bonds": of_bonds}


class Fingerprint(nn.Module):
    """A layer of the published AttentiveFP (Xiong et al., 2020), graph by graph."""

    def __init__(self):
        super().__init__()
        self.atom, self.near = nn.Linear(WIDTH, DIM), nn.Linear(WIDTH + EDGES, DIM)
        self.align, self.attend = nn.Linear(2 * DIM, 1), nn.Linear(DIM, DIM)
        self.cell, self.out = nn.GRUCell(DIM, DIM), nn.Linear(DIM, 1)

    def forward(self, x, e, of_atoms, of_bonds):
        count, length, _ = x.size()
        h = F.leaky_relu(self.atom(x))
        bonds = torch.stack([e[i][of_bonds[i]] for i in range(count)], dim=0)
        atoms = torch.stack([x[i][of_atoms[i]] for i in range(count)], dim=0)
        near = F.leaky_relu(self.near(torch.cat([atoms, bonds], dim=-1)))
        there = (of_atoms != length - 1).type_as(x).unsqueeze(-1)
        own = h.unsqueeze(-2).expand(count, length, of_atoms.size(-1), DIM)
        logit = F.leaky_relu(self.align(torch.cat([own, near], dim=-1)))
        weight = F.softmax(logit + (1 - there) * NONE, -2) * there
        context = F.elu((weight * self.attend(near)).sum(-2))
        new = self.cell(context.view(-1, DIM), h.view(-1, DIM)).view(count, length, DIM)
        return self.out((new * there.amax(2)).sum(1))


def edges_of(table, empty):
    """Return the rows of tables as edges between nodes of all graphs, and their places."""
    count, length, _ = table.shape
    found = [
        (b * length + int(source), b * length + node, (b, node, place))
        for b in range(count)
        for node in range(length)
        for place, source in enumerate(table[b, node])
        if int(source) != empty
    ]
    return torch.tensor([row[:2] for row in found]).t(), [row[2] for row in found]


def fingerprint(m, batch):
    x, (edges, places) = batch["x"], edges_of(batch["of_atoms"], batch["x"].size(1) - 1)
    source, target = edges
    h, flat = F.leaky_relu(m.atom(x.reshape(-1, WIDTH))), x.reshape(-1, WIDTH)
    bonds = torch.stack([batch["e"][b, batch["of_bonds"][b, n, k]] for b, n, k in places])
    near = F.leaky_relu(m.near(torch.cat([flat[source], bonds], dim=1)))
    logit = F.leaky_relu(m.align(torch.cat([h[target], near], dim=1)))
    out, sites = attend("", edges, logit, m.attend(near)[:, None], len(h))
    new = m.cell(F.elu(out[:, 0]), h).view(*x.shape[:2], DIM)
    there = torch.zeros(len(h)).double().index_fill(0, target, 1).view(*x.shape[:2], 1)
    return m.out((new * there).sum(1)), sites


def clouds():
    """Return two clouds of as many points."""
    draw = torch.Generator().manual_seed(8)
    return {
        "x": torch.randn(2, 7, WIDTH, generator=draw),
        "pos": torch.rand(2, 7, 3, generator=draw),
    }


class Cloud(nn.Module):
    """The nearest points of each, gathered by two indices (after Zhao et al., arXiv 2012.09164)."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, DIM) for _ in range(3))
        self.place = nn.Sequential(nn.Linear(3, DIM), nn.ReLU(), nn.Linear(DIM, DIM))
        self.gamma = nn.Sequential(nn.Linear(DIM, DIM), nn.ReLU(), nn.Linear(DIM, DIM))

    @staticmethod
    def taken(points, index):
        """Return points ``[B, L, K, C]`` by an index ``[B, L, K]``."""
        batch = torch.arange(len(points)).view(-1, 1, 1).repeat(1, *index.shape[1:])
        return points[batch, index, :]

    def forward(self, x, pos):
        near = torch.cdist(pos, pos).argsort()[:, :, :4]
        k, v, at = (self.taken(each, near) for each in (self.k(x), self.v(x), pos))
        place = self.place(pos[:, :, None] - at)
        logit = self.gamma(self.q(x)[:, :, None] - k + place)
        weight = F.softmax(logit / math.sqrt(DIM), dim=-2)
        return torch.einsum("bmnf,bmnf->bmf", weight, v + place)


def cloud(m, batch):
    x, pos = batch["x"].reshape(-1, WIDTH), batch["pos"].reshape(-1, 3)
    pairs = []
    for node in range(len(x)):
        mine = [other for other in range(len(x)) if other // 7 == node // 7]
        mine.sort(key=lambda other, node=node: float((pos[other] - pos[node]).norm()))
        pairs += [(other, node) for other in mine[:4]]
    source, target = edges = torch.tensor(pairs).t()
    place = m.place(pos[target] - pos[source])
    logit = m.gamma(m.q(x)[target] - m.k(x)[source] + place) / math.sqrt(DIM)
    weight = normalised(logit, target, len(x))
    out = summed(weight * (m.v(x)[source] + place), target, len(x))
    sites = [site("", "logit", logit, edges), site("", "weight", weight, edges)]
    return out.view(2, 7, DIM), sites


CASES = [
    Case("AttentiveFP as published, tables of each graph", Fingerprint, padded_tables,
         lambda model, batch: model(**batch), fingerprint,
         notes="nodes are b * L + n; no edges are given"),
    Case("nearest points of each cloud, by two indices", Cloud, clouds,
         lambda model, batch: model(**batch), cloud, notes="nodes are b * L + n"),
]  # fmt: skip
