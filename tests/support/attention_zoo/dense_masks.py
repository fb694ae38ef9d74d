"""Dense attention in which the adjacency, distances or a loop say which pairs there are."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    attend,
    normalised,
    pairs_of,
    per_head,
    shares,
    site,
    summed,
)
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import EDGES, nasty, plain
from support.attention_zoo.padded_nets import (
    DenseNet,
    biased,
    entries,
    joined,
    nodes_of,
    right_padded,
    split,
    without_edges,
)

D = DIM // HEADS


class MATAttention(nn.Module):
    """Attention of the Molecule Attention Transformer (Maziarka et al., arXiv 2002.08264)."""

    def __init__(self):
        super().__init__()
        self.linears = nn.ModuleList([nn.Linear(DIM, DIM) for _ in range(4)])
        self.shares = (0.4, 0.3, 0.3)

    def mixture(self, query, key, mask, adjacency, distance):
        """Return ``[B, H, N, N]``: what each of three kinds of attention gives, by its share."""
        logit = (query @ key.mT / math.sqrt(D)).masked_fill(~mask[:, None, None], -1e12)
        away = distance.masked_fill(~mask[:, None], torch.inf)
        next_to = adjacency / (adjacency.sum(-1, keepdim=True) + 1e-6)
        of_logit, of_distance, of_adjacency = self.shares
        fixed = of_distance * F.softmax(-away, dim=-1) + of_adjacency * next_to
        return of_logit * F.softmax(logit, dim=-1) + fixed[:, None]

    def forward(self, h, graph):
        q, k, v = (split(lin(h), HEADS) for lin in self.linears[:3])
        pos = graph["pos"]
        far = (pos.unsqueeze(1) - pos.unsqueeze(2)).norm(dim=-1)
        weight = self.mixture(q, k, graph["mask"], graph["adjacency"], far)
        return self.linears[3](joined(weight @ v))


def mat(m, graph):
    x, pairs = nodes_of(graph)
    source, target = pairs
    h, n, (a,), pos = m.enc(x), len(x), m.layers, graph["graphs"].pos
    q, k, v = (per_head(lin(h)) for lin in a.linears[:3])
    logit = (q[target] * k[source]).sum(-1) / math.sqrt(D)
    weight = normalised(logit, target, n)
    away = -(pos[source] - pos[target]).pow(2).sum(1).sqrt()[:, None]
    near = normalised(away, target, n)
    next_to = shares(entries(graph, "adjacency", pairs)[:, None], target, n, 1e-6)
    mixed = 0.4 * weight + 0.3 * near + 0.3 * next_to
    out = a.linears[3](summed(mixed[..., None] * v[source], target, n).flatten(1))
    sites = [
        site("layers.0", "logit", logit, pairs),
        site("layers.0", "weight", weight, pairs),
        site("layers.0", "logit", away, pairs, part="distance"),
        site("layers.0", "weight", near, pairs, part="distance"),
        site("layers.0", "weight", mixed, pairs, part="mixed", sums_to_one=False),
    ]
    return m.read(h + out, graph["graphs"].batch), sites


class EdgesToKeys(nn.Module):
    """Attention by einsum; edges are added to keys and values, the adjacency is the mask."""

    def __init__(self):
        super().__init__()
        self.query, self.both = nn.Linear(DIM, DIM), nn.Linear(DIM, 2 * DIM)
        self.edge, self.out = nn.Linear(EDGES, DIM), nn.Linear(DIM, DIM)

    @staticmethod
    def fold(t):
        """Return ``[B * H, ..., D]`` of ``[B, ..., H * D]``."""
        t = t.view(*t.shape[:-1], HEADS, D)
        return t.movedim(-2, 1).reshape(-1, *t.shape[1:-2], D)

    def forward(self, nodes, graph):
        key, value = map(self.fold, self.both(nodes).chunk(2, dim=-1))
        query, edge = self.fold(self.query(nodes)), self.fold(self.edge(graph["edge_attr"]))
        logit = torch.einsum("bid,bijd->bij", query, key[:, None] + edge) / math.sqrt(D)
        near = graph["adjacency"].bool() | torch.eye(nodes.size(1), dtype=torch.bool)
        near = near.repeat_interleave(HEADS, dim=0)
        logit.masked_fill_(~near, -torch.finfo(logit.dtype).max)
        out = torch.einsum("bij,bijd->bid", logit.softmax(-1), value[:, None] + edge)
        return self.out(joined(out.view(-1, HEADS, *out.shape[1:])))


def edges_to_keys(m, graph):
    x, pairs = nodes_of(graph)
    (a,), near = m.layers, (entries(graph, "adjacency", pairs) > 0) | (pairs[0] == pairs[1])
    pairs = pairs[:, near]
    source, target = pairs
    h, e = m.enc(x), per_head(a.edge(entries(graph, "edge_attr", pairs)))
    q, (k, v) = per_head(a.query(h)), map(per_head, a.both(h).split(DIM, dim=-1))
    logit = (q[target] * (k[source] + e)).sum(-1) / 2
    out, sites = attend("layers.0", pairs, logit, v[source] + e, len(x), message=False)
    return m.read(h + a.out(out.flatten(1)), graph["graphs"].batch), sites


class GraphLoop(nn.Module):
    """Attention of one graph at a time, in a loop over the batch."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(DIM, 3 * DIM)

    def one(self, h):
        q, k, v = self.qkv(h).view(len(h), 3, HEADS, D).permute(1, 2, 0, 3)
        return ((q @ k.mT) / math.sqrt(D)).softmax(-1) @ v

    def forward(self, h, batch):
        parts = [self.one(h[batch == g]) for g in range(int(batch.max()) + 1)]
        return torch.cat([part.transpose(0, 1).flatten(1) for part in parts])


class LoopedGraphs(Net):
    """Attention of each graph's nodes with each other."""

    def __init__(self):
        super().__init__()
        self.attention = GraphLoop()

    def forward(self, data):
        h = self.enc(data.x)
        return self.read(h + self.attention(h, data.batch), data.batch)


def looped_graphs(m, data):
    h, pairs = m.enc(data.x), pairs_of(data.batch)
    q, k, v = (per_head(part) for part in m.attention.qkv(h).split(DIM, dim=1))
    raw = (q[pairs[1]] * k[pairs[0]]).sum(-1) / 2
    out, sites = biased("attention", pairs, raw, None, v[pairs[0]], len(h), formed=False)
    return m.read(h + out, data.batch), sites


class UnmaskedColumns(nn.Module):
    """One matrix for the batch, without self-loops: softmax down the columns, -inf for others.

    A node alone has a column of -inf, whose NaN are replaced by zero.
    """

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(DIM, DIM) for _ in range(3))

    def forward(self, h, edge_index):
        mask = torch.full((len(h), len(h)), float("-inf")).to(h)
        mask[edge_index[0], edge_index[1]] = 0.0
        logit = self.k(h) @ self.q(h).t() / DIM + mask
        return torch.nan_to_num(torch.softmax(logit, dim=0)).t() @ self.v(h)


class Columns(Net):
    """A layer whose matrix has the attending nodes as columns."""

    def __init__(self):
        super().__init__()
        self.attention = UnmaskedColumns()

    def forward(self, x, edge_index, batch):
        h = self.enc(x)
        return self.read(h + self.attention(h, edge_index), batch)


def columns(m, data):
    h, a = m.enc(data.x), m.attention
    pairs = torch.tensor(sorted({tuple(pair) for pair in data.edge_index.t().tolist()})).t()
    logit = (a.q(h)[pairs[1]] * a.k(h)[pairs[0]]).sum(-1, keepdim=True) / DIM
    value = a.v(h)[pairs[0]][:, None]
    out, sites = attend("attention", pairs, logit, value, len(h), message=False)
    return m.read(h + out.flatten(1), data.batch), sites


def whole(model, data):
    """Call a model with the batch itself."""
    return model(data)


def by_parts(model, data):
    """Call a model with nodes, edges and graphs."""
    return model(data.x, data.edge_index, data.batch)


CASES = [
    Case("Molecule Attention Transformer", lambda: DenseNet(MATAttention()), right_padded,
         without_edges, mat, notes="one softmax of distances for all heads; a mixture is summed"),
    Case("edges in keys and values, by einsum", lambda: DenseNet(EdgesToKeys()), right_padded,
         without_edges, edges_to_keys, numbers=lambda _, graph: graph["number"].flatten(),
         notes="padding attends to itself, so that it counts as nodes"),
    Case("a loop over graphs", LoopedGraphs, plain, whole, looped_graphs,
         notes="the module's matrices are many, one for each graph"),
    Case("softmax down the columns, NaN replaced", Columns, nasty, by_parts, columns),
]  # fmt: skip
