"""Graph transformers as they were written for DGL: functions of edges, kept in dictionaries."""

import torch
from torch import nn

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    all_edges,
    per_head,
    shares,
    site,
    summed,
    wide,
)
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import BONDS, EDGES, nasty, plain

D = DIM // HEADS
LIMIT = 2.0
"""Of logits, which the wide projections of these layers often exceed."""


class Edges:
    """What a function of edges sees: features of edges, and of both ends."""

    def __init__(self, frame):
        self.data = frame.edata
        self.src = {name: value[frame.src] for name, value in frame.ndata.items()}
        self.dst = {name: value[frame.dst] for name, value in frame.ndata.items()}


class Frame:
    """A graph with dictionaries of features, which functions of edges read and write."""

    def __init__(self, edge_index, num_nodes):
        self.src, self.dst = edge_index
        self.num_nodes = num_nodes
        self.ndata, self.edata = {}, {}

    def apply_edges(self, function):
        self.edata.update(function(Edges(self)))

    def copy_sum(self, name, out):
        value = self.edata[name]
        empty = value.new_zeros(self.num_nodes, *value.shape[1:])
        self.ndata[out] = empty.index_add(0, self.dst, value)

    def u_mul_e_sum(self, u, e, out):
        value = self.ndata[u].index_select(0, self.src) * self.edata[e]
        self.ndata[out] = value.new_zeros(self.num_nodes, *value.shape[1:])
        self.ndata[out].index_add_(0, self.dst, value)


def products(of_source, of_target, name):
    """Return a function of edges: the product of a feature of one end and one of the other."""
    return lambda edges: {name: edges.src[of_source] * edges.dst[of_target]}


def changed(name, change):
    """Return a function of edges that changes one of their features."""
    return lambda edges: {name: change(edges.data[name])}


def multiplied(name, other):
    """Return a function of edges that multiplies a feature by another one."""
    return lambda edges: {name: edges.data[name] * edges.data[other]}


def copied(name, to):
    """Return a function of edges that keeps a feature under another name."""
    return lambda edges: {to: edges.data[name]}


def exponential(vectors):
    """Return exponentials of the sums of vectors, within limits."""
    return vectors.sum(-1, keepdim=True).clamp(-LIMIT, LIMIT).exp()


class EdgeFunctionAttention(nn.Module):
    """Attention of a graph transformer with edges (Dwivedi and Bresson, arXiv 2012.09699)."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.edge = (
            wide(nn.Linear(DIM, DIM, bias=False)) for _ in range(4)
        )

    def forward(self, g, h, e):
        for name in ("query", "key", "value"):
            g.ndata[name] = getattr(self, name)(h).view(-1, HEADS, D)
        g.edata["edge"] = self.edge(e).view(-1, HEADS, D)
        g.apply_edges(products("key", "query", "state"))
        g.apply_edges(changed("state", lambda state: state / D**0.5))
        g.apply_edges(multiplied("state", "edge"))
        g.apply_edges(copied("state", "next"))
        g.apply_edges(changed("state", exponential))
        g.u_mul_e_sum("value", "state", "above")
        g.copy_sum("state", "below")
        return g.ndata["above"] / (g.ndata["below"] + 1e-6), g.edata["next"]


class EdgeLayer(nn.Module):
    """Attention, and a projection of nodes and of edges, with residuals."""

    def __init__(self):
        super().__init__()
        self.attention = EdgeFunctionAttention()
        self.nodes, self.edges = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.norm_nodes, self.norm_edges = nn.LayerNorm(DIM), nn.LayerNorm(DIM)

    def forward(self, g, h, e):
        new_h, new_e = self.attention(g, h, e)
        h = self.norm_nodes(h + self.nodes(new_h.flatten(1)))
        return h, self.norm_edges(e + self.edges(new_e.flatten(1)))


class GraphTransformer(Net):
    """Layers that hand on nodes and edges."""

    def __init__(self):
        super().__init__()
        self.bonds = nn.Embedding(BONDS, DIM)
        self.layers = nn.ModuleList([EdgeLayer() for _ in range(2)])

    def forward(self, data):
        g = Frame(data.edge_index, data.num_nodes)
        h, e = self.enc(data.x), self.bonds(data.bond)
        for conv in self.layers:
            h, e = conv(g, h, e)
        return self.read(h, data.batch)


def graph_transformer(m, data):
    h, e, n, sites = m.enc(data.x), m.bonds.weight[data.bond], data.num_nodes, []
    source, target = edges = data.edge_index
    for number, layer in enumerate(m.layers):
        a = layer.attention
        q, k, v = per_head(a.query(h)), per_head(a.key(h)), per_head(a.value(h))
        score = k[source] * q[target] / 2 * per_head(a.edge(e))
        logit = score.sum(-1).clamp(-LIMIT, LIMIT)
        weight = shares(logit.exp(), target, n, 1e-6)
        sent, own = weight[..., None] * v[source], all_edges(data)
        path = f"layers.{number}.attention"
        sites += [
            site(path, "score", score, edges, own),
            site(path, "logit", logit, edges, own),
            site(path, "weight", weight, edges, own, formed=False),
            site(path, "message", logit.exp()[..., None] * v[source], edges, own),
            site(path, "message", sent, edges, own, part="divided", formed=False),
        ]
        out = summed(sent, target, n)
        h = layer.norm_nodes(h + layer.nodes(out.flatten(1)))
        e = layer.norm_edges(e + layer.edges(score.flatten(1)))
    return m.read(h, data.batch), sites


class SANAttention(nn.Module):
    """Attention of SAN (Kreuzer et al., arXiv 2106.03893): edges of the graph, and all others."""

    def __init__(self):
        super().__init__()
        self.of_real, self.of_other = (
            nn.ModuleList([wide(nn.Linear(DIM, DIM)) for _ in range(3)]) for _ in range(2)
        )
        self.value = nn.Linear(DIM, DIM)
        self.gamma = 0.3

    def forward(self, h, index, attr, real):
        value = self.value(h).view(-1, HEADS, D)
        power = value.new_empty(index.size(1), HEADS, 1)
        for rows, (query, key, edge), share in (
            (real.nonzero()[:, 0], self.of_real, 1 / (1 + self.gamma)),
            ((~real).nonzero()[:, 0], self.of_other, self.gamma / (1 + self.gamma)),
        ):
            source, target = index[:, rows]
            state = key(h).view(-1, HEADS, D)[source] * query(h).view(-1, HEADS, D)[target]
            state = state / D**0.5 * edge(attr[rows]).view(-1, HEADS, D)
            power[rows] = exponential(state) * share
        above = torch.zeros_like(value).index_add_(0, index[1], value[index[0]] * power)
        below = power.new_zeros(len(h), HEADS, 1).index_add_(0, index[1], power)
        return (above / (below + 1e-6)).flatten(1)


class SAN(Net):
    """The full graph, of which the edges of the given one are real."""

    def __init__(self):
        super().__init__()
        self.edge = nn.Linear(EDGES, DIM)
        self.attention = SANAttention()

    def full(self, data):
        attr = data.x.new_zeros(data.num_nodes, data.num_nodes, DIM)
        real = torch.zeros(data.num_nodes, data.num_nodes, dtype=torch.bool)
        attr[data.edge_index[0], data.edge_index[1]] = self.edge(data.edge_attr)
        real[data.edge_index[0], data.edge_index[1]] = True
        pairs = (data.batch[:, None] == data.batch).nonzero().t()
        pairs = pairs[:, pairs[0] != pairs[1]]
        return pairs, attr[pairs[0], pairs[1]], real[pairs[0], pairs[1]]

    def forward(self, data):
        h = self.enc(data.x)
        return self.read(h + self.attention(h, *self.full(data)), data.batch)


def san(m, data):
    h, n, a = m.enc(data.x), data.num_nodes, m.attention
    pairs, attr, real = m.full(data)
    source, target = pairs
    q, k, e = (
        torch.where(real[:, None, None], per_head(one(z))[at], per_head(two(z))[at])
        for one, two, z, at in (
            (a.of_real[0], a.of_other[0], h, target),
            (a.of_real[1], a.of_other[1], h, source),
            (a.of_real[2], a.of_other[2], attr, slice(None)),
        )
    )
    logit = (q * k * e / 2).sum(-1).clamp(-LIMIT, LIMIT)
    amount = logit.exp() * torch.where(real, 1 / 1.3, 0.3 / 1.3).double()[:, None]
    weight, value = shares(amount, target, n, 1e-6), per_head(a.value(h))[source]
    path, sent = "attention", weight[..., None] * value
    sites = [
        site(path, "logit", logit, pairs, formed=False),
        site(path, "weight", weight, pairs, formed=False),
        site(path, "message", amount[..., None] * value, pairs),
        site(path, "message", sent, pairs, part="divided", formed=False),
    ]
    out = summed(sent, target, n)
    return m.read(h + out.flatten(1), data.batch), sites


def whole(model, data):
    """Call a model with the batch itself."""
    return model(data)


CASES = [
    Case(
        "graph transformer in the style of DGL", GraphTransformer, nasty, whole, graph_transformer
    ),
    Case("SAN", SAN, plain, whole, san, notes="exponentials of two kinds of pairs, in turn"),
]
