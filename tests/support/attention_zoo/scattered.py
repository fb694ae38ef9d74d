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
    wide,
)
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import EDGES, nasty

STEPS = 3
LIMIT = 2.0
"""Of logits, which the wide projections of these layers often exceed."""
D = DIM // HEADS


class GritAttention(nn.Module):
    """Attention of GRIT (Ma et al., arXiv 2305.17589), on all pairs with walk probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (wide(nn.Linear(DIM, DIM, bias=False)) for _ in range(3))
        self.of_pair = nn.Linear(STEPS, 2 * DIM)
        self.to_logit = nn.Parameter(3 * torch.randn(D, HEADS, 1))
        self.from_pair = nn.Parameter(torch.randn(D, HEADS, D) / 2)

    def weigh(self, state, batch):
        """Return weights ``[P, H, 1]``: exponentials of what is clamped, over their sums."""
        logit = torch.einsum("phd,dho->pho", state, self.to_logit).clamp(-LIMIT, LIMIT)
        power, at = logit.exp(), batch.pair_index[1].view(-1, 1, 1).expand(-1, HEADS, 1)
        below = power.new_zeros(batch.num_nodes, HEADS, 1).scatter_add_(0, at, power)
        return power / (below.gather(0, at) + 1e-16)

    def gather(self, batch):
        source, target = batch.pair_index
        slope, shift = batch.of_pair.view(-1, HEADS, 2 * D).chunk(2, dim=-1)
        state = (batch.own_keys[source] + batch.own_queries[target]) * slope
        state = state.relu().sqrt() - state.neg().relu().sqrt() + shift
        state = state.relu()
        weight = self.weigh(state, batch)
        batch.out = torch.zeros_like(batch.own_values)
        batch.out.index_add_(0, target, batch.own_values[source] * weight)
        pairs = torch.zeros_like(batch.own_values).index_add_(0, target, state * weight)
        batch.out = batch.out + torch.einsum("vhd,dho->vho", pairs, self.from_pair)

    def forward(self, batch):
        batch.own_queries = self.query(batch.h).view(-1, HEADS, D)
        batch.own_keys = self.key(batch.h).view(-1, HEADS, D)
        batch.own_values = self.value(batch.h).view(-1, HEADS, D)
        batch.of_pair = self.of_pair(batch.pair_attr)
        self.gather(batch)
        return batch.out.flatten(1)


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
    scale, shift = a.of_pair(m.walks(data)[source, target]).view(-1, HEADS, 2 * D).split(D, dim=-1)
    q, k, v = (per_head(lin(h)) for lin in (a.query, a.key, a.value))
    inner = (q[target] + k[source]) * scale
    e = (inner.sign() * inner.abs().sqrt() + shift).clamp(min=0)
    score = e * a.to_logit[..., 0].t()
    logit = score.sum(-1).clamp(-LIMIT, LIMIT)
    weight = normalised(logit, target, n)
    sent = weight[..., None] * v[source]
    out = summed(sent, target, n)
    rows = summed(weight[..., None] * e, target, n)
    out = out + (rows[:, :, :, None] * a.from_pair.permute(1, 0, 2)).sum(2)
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
        self.query, self.key, self.value, self.edge = (
            wide(nn.Linear(DIM, DIM, bias=False)) for _ in range(4)
        )

    def forward(self, h, edge_index, edge_attr):
        q, k, v = (lin(h).view(-1, HEADS, D) for lin in (self.query, self.key, self.value))
        source, target = edge_index
        state = k[source] * q[target] / math.sqrt(D)
        state = state * self.edge(edge_attr).view(-1, HEADS, D)
        power = state.sum(-1, keepdim=True).clamp(-LIMIT, LIMIT).exp()
        sent = v[source] * power
        above, below = torch.zeros_like(v), power.new_zeros(v.size(0), HEADS, 1)
        above.scatter_add_(0, target[:, None, None].expand_as(sent), sent)
        below.scatter_add_(0, target[:, None, None].expand_as(power), power)
        return (above / (below + 1e-6)).view(-1, DIM)


class Exphormer(Net):
    """Edges of the graph, and those of an expander: a ring through the nodes of each graph."""

    def __init__(self) -> None:
        super().__init__()
        self.edge_enc, self.expander = nn.Linear(EDGES, DIM), nn.Embedding(1, DIM)
        self.layers = nn.ModuleList([ExphormerAttention() for _ in range(2)])
        self.norm = nn.LayerNorm(DIM)

    def joined(self, data):
        node, first = torch.arange(data.num_nodes), data.ptr[data.batch]
        size = data.ptr.diff()[data.batch]
        ring = torch.stack([node, first + (node - first - 2) % size])
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
        q, k, v = (per_head(lin(h)) for lin in (layer.query, layer.key, layer.value))
        e = per_head(layer.edge(attr))
        score = q[target] * k[source] * e / 2
        logit = score.sum(-1).clamp(-LIMIT, LIMIT)
        weight = shares(logit.exp(), target, n, 1e-6)
        path, sent = f"layers.{number}", weight[..., None] * v[source]
        sites += [
            site(path, "score", score, edges, own),
            site(path, "logit", logit, edges, own),
            site(path, "weight", weight, edges, own, formed=False),
            site(path, "message", logit.exp()[..., None] * v[source], edges, own),
            site(path, "message", sent, edges, own, part="divided", formed=False),
        ]
        out = summed(sent, target, n)
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
