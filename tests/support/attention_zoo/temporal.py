"""Attention over sensors and over time, and over events."""

import math

import torch
from torch import nn
from torch_geometric.utils import softmax

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    all_edges,
    attend,
    normalised,
    per_head,
    site,
    summed,
)
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import WIDTH, multigraphs

B, T, N = 2, 3, 5
D = DIM // HEADS


def traffic():
    """Return ``x`` [B, T, N, F] of sensors in time, and ``adjacency`` [N, N] of the sensors."""
    draw = torch.Generator().manual_seed(5)
    near = (torch.rand(N, N, generator=draw) < 0.5).float()
    return {"x": torch.randn(B, T, N, WIDTH, generator=draw), "adjacency": near}


def number(b, t, n):
    """Return the number of a sensor at a time in a batch: as ``x`` is flattened."""
    return (b * T + t) * N + n


class SpatialAttention(nn.Module):
    """Attention between sensors at a time; heads are joined along the batch (GMAN)."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(2 * DIM, DIM) for _ in range(3))
        self.out = nn.Linear(DIM, DIM)

    @staticmethod
    def stacked(x):
        """Return heads one after the other along the batch: ``[H * B, ..., D]``."""
        return torch.cat(x.chunk(HEADS, dim=-1), dim=0)

    @staticmethod
    def beside(x):
        """Return heads side by side again."""
        return torch.cat(x.chunk(HEADS, dim=0), dim=-1)

    def projected(self, x, place):
        both = torch.cat([x, place], dim=-1)
        return (self.stacked(f(both).relu()) for f in (self.query, self.key, self.value))

    def forward(self, x, place):
        query, key, value = self.projected(x, place)
        weight = (query.matmul(key.transpose(2, 3)) / D**0.5).softmax(dim=-1)
        return self.out(self.beside(weight.matmul(value)))


class TemporalAttention(SpatialAttention):
    """Attention of a sensor to its past, with a mask of what is to come (GMAN)."""

    def forward(self, x, place):
        query, key, value = (z.transpose(1, 2) for z in self.projected(x, place))
        logit = query.matmul(key.transpose(2, 3)) / D**0.5
        past = logit.new_ones(x.size(1), x.size(1)).tril().bool()
        weight = torch.where(past, logit, -32767.0).softmax(dim=-1)
        return self.out(self.beside(weight.matmul(value).transpose(1, 2)))


class GMAN(nn.Module):
    """A block of both, with gated fusion (Zheng et al., arXiv 1911.08415)."""

    def __init__(self):
        super().__init__()
        self.enc, self.out = nn.Linear(WIDTH, DIM), nn.Linear(DIM, 1)
        self.sensor, self.step = (
            nn.Parameter(torch.randn(N, DIM)),
            nn.Parameter(torch.randn(T, DIM)),
        )
        self.spatial, self.temporal = SpatialAttention(), TemporalAttention()
        self.gate_s, self.gate_t = nn.Linear(DIM, DIM, bias=False), nn.Linear(DIM, DIM)

    def forward(self, x):
        x = self.enc(x)
        place = (self.sensor[None, None] + self.step[None, :, None]).expand(x.size(0), -1, -1, -1)
        hs, ht = self.spatial(x, place), self.temporal(x, place)
        z = torch.sigmoid(self.gate_s(hs) + self.gate_t(ht))
        return self.out(x + z * hs + (1 - z) * ht)


def gman(m, batch):
    every = [(b, t, n) for b in range(B) for t in range(T) for n in range(N)]
    h = m.enc(batch["x"].reshape(-1, WIDTH))
    place = torch.stack([m.sensor[n] + m.step[t] for _, t, n in every])
    states, sites = [], []
    for path in ("spatial", "temporal"):
        layer, time = getattr(m, path), path == "temporal"
        if time:
            ends = [(number(b, s, n), number(b, t, n)) for b, t, n in every for s in range(t + 1)]
        else:
            ends = [(number(b, t, s), number(b, t, n)) for b, t, n in every for s in range(N)]
        pairs = torch.tensor(ends).t()
        z = torch.cat([h, place], dim=1)
        q, k, v = (per_head(f(z).clamp(min=0)) for f in (layer.query, layer.key, layer.value))
        logit = (q[pairs[1]] * k[pairs[0]]).sum(-1) / math.sqrt(D)
        out, more = attend(path, pairs, logit, v[pairs[0]], len(h), message=False)
        states.append(layer.out(out.flatten(1)))
        sites += more
    z = torch.sigmoid(m.gate_s(states[0]) + m.gate_t(states[1]))
    out = m.out(h + z * states[0] + (1 - z) * states[1])
    return out.view(B, T, N, 1), sites


class ASTGCNBlock(nn.Module):
    """A matrix of spatial attention, softmax over its rows' dimension, times the adjacency.

    After ASTGCN (Guo et al., 2019): one matrix per batch from all times; the normalised matrix is
    multiplied by the adjacency, so that what is summed does not sum to one.
    """

    def __init__(self):
        super().__init__()
        self.W1 = nn.Parameter(torch.randn(T) / 2)
        self.W2 = nn.Parameter(torch.randn(WIDTH, T) / 2)
        self.W3 = nn.Parameter(torch.randn(WIDTH) / 2)
        self.bs, self.Vs = nn.Parameter(torch.randn(1, N, N)), nn.Parameter(torch.randn(N, N))
        self.theta = nn.Parameter(torch.randn(WIDTH, DIM) / 2)

    def forward(self, x, adjacency):
        x = x.permute(0, 2, 3, 1)  # B, N, F, T
        lhs = torch.matmul(torch.matmul(x, self.W1), self.W2)
        rhs = torch.matmul(self.W3, x).transpose(-1, -2)
        product = torch.matmul(lhs, rhs)
        S = torch.matmul(self.Vs, torch.sigmoid(product + self.bs))
        S_normalized = torch.softmax(S, dim=1)
        masked = adjacency.mul(S_normalized)
        steps = [masked.permute(0, 2, 1).matmul(x[..., t]).matmul(self.theta) for t in range(T)]
        return torch.relu(torch.stack(steps, dim=1))


class ASTGCN(nn.Module):
    """A block and a number for every sensor."""

    def __init__(self):
        super().__init__()
        self.block, self.out = ASTGCNBlock(), nn.Linear(DIM, 1)

    def forward(self, x, adjacency):
        return self.out(self.block(x, adjacency))


def astgcn(m, batch):
    x, near, a = batch["x"], batch["adjacency"], m.block
    ends = [(b * N + i, b * N + j) for b in range(B) for i in range(N) for j in range(N)]
    pairs = torch.tensor(ends).t()  # sensors of a batch at all times: b * N + n
    logit = x.new_zeros(B, N, N)
    for b in range(B):
        left = torch.stack([sum(a.W1[t] * x[b, t, i] for t in range(T)) @ a.W2 for i in range(N)])
        right = torch.stack([torch.stack([a.W3 @ x[b, t, j] for t in range(T)]) for j in range(N)])
        logit[b] = a.Vs @ torch.sigmoid(left @ right.t() + a.bs[0])
    weight = normalised(logit.reshape(-1), pairs[1], B * N)
    mixed = weight * near.repeat(B, 1, 1).reshape(-1)
    out = x.new_zeros(B, T, N, DIM)
    for (source, target), share in zip(ends, mixed, strict=True):
        b, i, j = source // N, source % N, target % N
        out[b, :, j] += share * x[b, :, i] @ a.theta
    sites = [
        site("block", "logit", logit.reshape(-1), pairs),
        site("block", "weight", weight, pairs),
        site("block", "weight", mixed, pairs, part="masked", sums_to_one=False),
    ]
    return m.out(out.clamp(min=0)), sites


def events():
    """Return a multigraph whose edges have times."""
    data = multigraphs()
    data.t = torch.linspace(0, 4, data.num_edges)
    data.last = torch.linspace(4, 6, data.num_nodes)
    return data


class TGNAttention(nn.Module):
    """Attention to events, with an encoding of the time since (Rossi et al., arXiv 2006.10637)."""

    def __init__(self):
        super().__init__()
        self.time = nn.Linear(1, D)
        self.w_q, self.w_k, self.w_v = (nn.Linear(DIM + D, DIM) for _ in range(3))

    def forward(self, x, edge_index, t, last):
        source, target = edge_index
        since = torch.cos(self.time((last[target] - t).unsqueeze(-1)))
        now = torch.cos(self.time(torch.zeros_like(last).unsqueeze(-1)))
        q = self.w_q(torch.cat([x, now], dim=-1))[target].view(-1, HEADS, D)
        neighbour = torch.cat([x[source], since], dim=-1)
        k, v = self.w_k(neighbour).view(-1, HEADS, D), self.w_v(neighbour).view(-1, HEADS, D)
        alpha = softmax((q * k).sum(dim=-1) / math.sqrt(D), target, num_nodes=x.size(0))
        out = (v * alpha.unsqueeze(-1)).flatten(1)
        return x + x.new_zeros(x.size(0), DIM).scatter_add(0, target[:, None].expand_as(out), out)


class TGN(nn.Module):
    """Memories of nodes, and attention to their events."""

    def __init__(self):
        super().__init__()
        self.memory, self.gnn, self.out = nn.GRUCell(WIDTH, DIM), TGNAttention(), nn.Linear(DIM, 2)

    def forward(self, data):
        memory = self.memory(data.x)
        return self.out(self.gnn(memory, data.edge_index, data.t, data.last))


def tgn(m, data):
    h, (source, target), g = m.memory(data.x), data.edge_index, m.gnn
    since = torch.cos(g.time.weight[:, 0] * (data.last[target] - data.t)[:, None] + g.time.bias)
    now = torch.cos(g.time.bias).expand(len(target), -1)
    q = per_head(g.w_q(torch.cat([h[target], now], dim=1)))
    k, v = (per_head(f(torch.cat([h[source], since], dim=1))) for f in (g.w_k, g.w_v))
    weight = normalised((q * k).sum(-1) / 2, target, len(h))
    sent, edges, own = weight[..., None] * v, data.edge_index, all_edges(data)
    sites = [
        site("gnn", "score", q * k, edges, own),
        site("gnn", "logit", (q * k).sum(-1) / 2, edges, own),
        site("gnn", "weight", weight, edges, own),
        site("gnn", "message", sent, edges, own),
    ]
    return m.out(h + summed(sent, target, len(h)).flatten(1)), sites


def in_sequence(path, _batch):
    """Return the numbers of steps in time, which follow each other in attention over time."""
    every = torch.arange(B * T * N).view(B, T, N)
    return every.transpose(1, 2).flatten() if path == "temporal" else None


CASES = [
    Case("GMAN", GMAN, traffic, lambda model, batch: model(batch["x"]), gman,
         notes="nodes are sensors at times, numbered as x [B, T, N, F] is flattened",
         numbers=in_sequence),
    Case("ASTGCN", ASTGCN, traffic, lambda model, batch: model(batch["x"], batch["adjacency"]),
         astgcn, notes="nodes are the sensors of each batch, b * N + n; normalised over rows"),
    Case("TGN", TGN, events, lambda model, batch: model(batch), tgn),
]  # fmt: skip
