"""Softmax over neighbours by scattered sums, as sparse graph transformers write it."""

import math

import torch
from torch import nn
from torch_geometric.utils import to_dense_adj

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    all_edges,
    attend,
    normalised,
    pairs_of,
    per_head,
    shares,
    site,
    summed,
)
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import EDGES, nasty

STEPS = 3
D = DIM // HEADS


class GritAttention(nn.Module):
    """Attention of GRIT (Ma et al., arXiv 2305.17589), on all pairs with walk probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.Q, self.K, self.V = (nn.Linear(DIM, DIM, bias=False) for _ in range(3))
        self.E = nn.Linear(STEPS, 2 * DIM)
        self.Aw = nn.Parameter(torch.randn(D, HEADS, 1))
        self.VeRow = nn.Parameter(torch.randn(D, HEADS, D) / 2)
        self.clamp = 5.0

    def propagate(self, batch):
        src = batch.K_h[batch.pair_index[0]]
        dest = batch.Q_h[batch.pair_index[1]]
        score = src + dest
        scale, shift = batch.E.view(-1, HEADS, 2 * D).chunk(2, dim=-1)
        score = score * scale
        score = torch.sqrt(torch.relu(score)) - torch.sqrt(torch.relu(-score))
        score = torch.relu(score + shift)
        e_t = score
        score = torch.einsum("ehd, dhc->ehc", score, self.Aw)
        score = torch.clamp(score, -self.clamp, self.clamp)
        index = batch.pair_index[1].view(-1, 1, 1).expand_as(score)
        power = score.exp()
        below = power.new_zeros(batch.num_nodes, HEADS, 1).scatter_add_(0, index, power)
        attn = power / (below.gather(0, index) + 1e-16)
        msg = batch.V_h[batch.pair_index[0]] * attn
        batch.wV = torch.zeros_like(batch.V_h).index_add_(0, batch.pair_index[1], msg)
        rows = torch.zeros_like(batch.V_h).index_add_(0, batch.pair_index[1], e_t * attn)
        batch.wV = batch.wV + torch.einsum("nhd, dhc -> nhc", rows, self.VeRow)

    def forward(self, batch):
        batch.Q_h, batch.K_h, batch.V_h = (
            lin(batch.h).view(-1, HEADS, D) for lin in (self.Q, self.K, self.V)
        )
        batch.E = self.E(batch.pair_attr)
        self.propagate(batch)
        return batch.wV.flatten(1)


class Grit(Net):
    """Walk probabilities of all pairs of nodes, and a layer of attention."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = GritAttention()

    @staticmethod
    def walks(batch):
        adjacency = to_dense_adj(batch.edge_index, max_num_nodes=batch.num_nodes)[0].to(batch.x)
        walk = adjacency / adjacency.sum(1, keepdim=True).clamp(min=1)
        powers = [torch.eye(batch.num_nodes).to(batch.x), walk, walk @ walk]
        return torch.stack(powers, dim=-1)

    def forward(self, batch):
        batch = batch.clone()
        same = batch.batch[:, None] == batch.batch[None, :]
        batch.pair_index = same.nonzero().t()
        batch.pair_attr = self.walks(batch)[same]
        batch.h = self.enc(batch.x)
        batch.h = batch.h + self.attention(batch)
        return self.read(batch.h, batch.batch)


def grit(m, data):
    a, h, n = m.attention, m.enc(data.x), data.num_nodes
    source, target = pairs = pairs_of(data.batch)
    scale, shift = a.E(m.walks(data)[source, target]).view(-1, HEADS, 2 * D).split(D, dim=-1)
    q, k, v = (per_head(lin(h)) for lin in (a.Q, a.K, a.V))
    inner = (q[target] + k[source]) * scale
    e = (inner.sign() * inner.abs().sqrt() + shift).clamp(min=0)
    score = e * a.Aw[..., 0].t()
    logit = score.sum(-1).clamp(-5, 5)
    weight = normalised(logit, target, n)
    sent = weight[..., None] * v[source]
    out = summed(sent, target, n)
    rows = summed(weight[..., None] * e, target, n)
    out = out + (rows[:, :, :, None] * a.VeRow.permute(1, 0, 2)).sum(2)
    path = "attention"
    sites = [
        site(path, "score", score, pairs, formed=False),
        site(path, "logit", logit, pairs),
        site(path, "weight", weight, pairs),
        site(path, "message", sent, pairs),
        site(path, "message", weight[..., None] * e, pairs, part="edges"),
    ]
    return m.read(h + out.flatten(1), data.batch), sites


class ExphormerAttention(nn.Module):
    """Attention of Exphormer (Shirzad et al., arXiv 2303.06147): division after aggregation."""

    def __init__(self) -> None:
        super().__init__()
        self.Q, self.K, self.V, self.E = (nn.Linear(DIM, DIM, bias=False) for _ in range(4))

    def forward(self, h, edge_index, edge_attr):
        q, k, v = (lin(h).view(-1, HEADS, D) for lin in (self.Q, self.K, self.V))
        src, dst = edge_index
        score = torch.mul(k[src], q[dst])
        score = score / math.sqrt(D)
        score = torch.mul(score, self.E(edge_attr).view(-1, HEADS, D))
        score = torch.exp(score.sum(-1, keepdim=True).clamp(-5, 5))
        msg = v[src] * score
        wV = torch.zeros_like(v)
        wV.scatter_add_(0, dst[:, None, None].expand_as(msg), msg)
        Z = score.new_zeros(v.size(0), HEADS, 1)
        Z.scatter_add_(0, dst[:, None, None].expand_as(score), score)
        return (wV / (Z + 1e-6)).view(-1, DIM)


class Exphormer(Net):
    """Edges of the graph, and those of an expander: a ring through the nodes of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.edge_enc, self.expander = nn.Linear(EDGES, DIM), nn.Embedding(1, DIM)
        self.layers = nn.ModuleList([ExphormerAttention() for _ in range(2)])
        self.norm = nn.LayerNorm(DIM)

    def joined(self, data):
        ring = torch.stack([torch.arange(data.num_nodes), torch.arange(data.num_nodes).roll(2)])
        attr = [self.edge_enc(data.edge_attr), self.expander.weight.expand(ring.size(1), -1)]
        return torch.cat([data.edge_index, ring], dim=1), torch.cat(attr)

    def forward(self, data):
        edge_index, edge_attr = self.joined(data)
        h = self.enc(data.x)
        for layer in self.layers:
            h = self.norm(h + layer(h, edge_index, edge_attr))
        return self.read(h, data.batch)


def exphormer(m, data):
    edges, attr = m.joined(data)
    own = torch.cat([all_edges(data), torch.full((data.num_nodes,), -1)])
    h, n, sites = m.enc(data.x), data.num_nodes, []
    source, target = edges
    for number, layer in enumerate(m.layers):
        q, k, v, e = (per_head(f(z)) for f, z in zip(
            (layer.Q, layer.K, layer.V, layer.E), (h, h, h, attr), strict=True))  # fmt: skip
        score = q[target] * k[source] * e / 2
        logit = score.sum(-1).clamp(-5, 5)
        weight = shares(logit.exp(), target, n, 1e-6)
        path = f"layers.{number}"
        sites += [
            site(path, "score", score, edges, own),
            site(path, "logit", logit, edges, own),
            site(path, "weight", weight, edges, own, formed=False),
            site(path, "message", logit.exp()[..., None] * v[source], edges, own),
        ]
        out = summed(weight[..., None] * v[source], target, n)
        h = m.norm(h + out.flatten(1))
    return m.read(h, data.batch), sites


class CompositeGAT(nn.Module):
    """GAT with the composite softmax of torch_scatter: maximum, exponential, sum, division."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(DIM, DIM, bias=False)
        self.a_src, self.a_dst = (nn.Parameter(torch.randn(1, HEADS, D) / 2) for _ in range(2))

    @staticmethod
    def softmax(src, index, dim_size):
        at = index.view(-1, 1).expand_as(src)
        top = src.new_full((dim_size, src.size(1)), float("-inf"))
        top = top.scatter_reduce(0, at, src, "amax")
        recentered = src - top.index_select(0, index)
        power = recentered.exp()
        whole = power.new_zeros(dim_size, src.size(1)).scatter_add(0, at, power)
        return power / whole.index_select(0, index)

    def forward(self, x, edge_index):
        h = self.lin(x).view(-1, HEADS, D)
        left, right = (h * self.a_src).sum(-1), (h * self.a_dst).sum(-1)
        e = torch.nn.functional.leaky_relu(left[edge_index[0]] + right[edge_index[1]], 0.2)
        alpha = self.softmax(e, edge_index[1], x.size(0))
        out = h.new_zeros(h.shape).index_add(0, edge_index[1], h[edge_index[0]] * alpha[..., None])
        return torch.nn.functional.elu(out.flatten(1))


class Composite(Net):
    """Two layers of GAT with a composite softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.Sequential(CompositeGAT(), CompositeGAT())

    def forward(self, x, edge_index, batch):
        x = self.enc(x)
        for conv in self.convs:
            x = conv(x, edge_index)
        return self.read(x, batch)


def composite(m, data):
    h, sites = m.enc(data.x), []
    source, target = data.edge_index
    for number, conv in enumerate(m.convs):
        v = per_head(conv.lin(h))
        raw = (v[source] * conv.a_src + v[target] * conv.a_dst).sum(-1)
        logit = torch.where(raw > 0, raw, 0.2 * raw)
        out, more = attend(
            f"convs.{number}", data.edge_index, logit, v[source], data.num_nodes, all_edges(data)
        )
        h, sites = nn.functional.elu(out.flatten(1)), sites + more
    return m.read(h, data.batch), sites


def whole(model, data):
    """Call a model with the batch itself."""
    return model(data)


def by_parts(model, data):
    """Call a model with nodes, edges and graphs."""
    return model(data.x, data.edge_index, data.batch)


CASES = [
    Case("GRIT", Grit, nasty, whole, grit, notes="pairs are made by the model"),
    Case("Exphormer", Exphormer, nasty, whole, exphormer, notes="edges are added by the model"),
    Case("GAT, composite scatter softmax", Composite, nasty, by_parts, composite),
]
