"""Graph transformers as they were written for DGL: functions of edges, kept in dictionaries."""

import torch
from torch import nn

from support.attention_zoo.by_hand import DIM, HEADS, Net, all_edges, per_head, shares, site, summed
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import BONDS, EDGES, nasty, plain

D = DIM // HEADS


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


def src_dot_dst(src_field, dst_field, out_field):
    def func(edges):
        return {out_field: edges.src[src_field] * edges.dst[dst_field]}

    return func


def scaling(field, scale):
    def func(edges):
        return {field: edges.data[field] / scale}

    return func


def imp_exp_attn(implicit, explicit):
    def func(edges):
        return {implicit: edges.data[implicit] * edges.data[explicit]}

    return func


def out_edge_features(field):
    def func(edges):
        return {"e_out": edges.data[field]}

    return func


def exp(field):
    def func(edges):
        return {field: torch.exp(edges.data[field].sum(-1, keepdim=True).clamp(-5, 5))}

    return func


class MultiHeadAttentionLayer(nn.Module):
    """Attention of a graph transformer with edges (Dwivedi and Bresson, arXiv 2012.09699)."""

    def __init__(self):
        super().__init__()
        self.Q, self.K, self.V, self.proj_e = (nn.Linear(DIM, DIM, bias=False) for _ in range(4))

    def propagate_attention(self, g):
        g.apply_edges(src_dot_dst("K_h", "Q_h", "score"))
        g.apply_edges(scaling("score", D**0.5))
        g.apply_edges(imp_exp_attn("score", "proj_e"))
        g.apply_edges(out_edge_features("score"))
        g.apply_edges(exp("score"))
        g.u_mul_e_sum("V_h", "score", "wV")
        g.copy_sum("score", "z")

    def forward(self, g, h, e):
        g.ndata.update(
            Q_h=self.Q(h).view(-1, HEADS, D),
            K_h=self.K(h).view(-1, HEADS, D),
            V_h=self.V(h).view(-1, HEADS, D),
        )
        g.edata["proj_e"] = self.proj_e(e).view(-1, HEADS, D)
        self.propagate_attention(g)
        h_out = g.ndata["wV"] / (g.ndata["z"] + torch.full_like(g.ndata["z"], 1e-6))
        return h_out, g.edata["e_out"]


class GraphTransformerLayer(nn.Module):
    """Attention, and a projection of nodes and of edges, with residuals."""

    def __init__(self):
        super().__init__()
        self.attention = MultiHeadAttentionLayer()
        self.O_h, self.O_e = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.norm_h, self.norm_e = nn.LayerNorm(DIM), nn.LayerNorm(DIM)

    def forward(self, g, h, e):
        h_attn, e_attn = self.attention(g, h, e)
        h = self.norm_h(h + self.O_h(h_attn.view(-1, DIM)))
        return h, self.norm_e(e + self.O_e(e_attn.view(-1, DIM)))


class GraphTransformer(Net):
    """Layers that hand on nodes and edges."""

    def __init__(self):
        super().__init__()
        self.embedding_e = nn.Embedding(BONDS, DIM)
        self.layers = nn.ModuleList([GraphTransformerLayer() for _ in range(2)])

    def forward(self, data):
        g = Frame(data.edge_index, data.num_nodes)
        h, e = self.enc(data.x), self.embedding_e(data.bond)
        for conv in self.layers:
            h, e = conv(g, h, e)
        return self.read(h, data.batch)


def graph_transformer(m, data):
    h, e, n, sites = m.enc(data.x), m.embedding_e.weight[data.bond], data.num_nodes, []
    source, target = edges = data.edge_index
    for number, layer in enumerate(m.layers):
        a = layer.attention
        q, k, v = per_head(a.Q(h)), per_head(a.K(h)), per_head(a.V(h))
        score = k[source] * q[target] / 2 * per_head(a.proj_e(e))
        logit = score.sum(-1).clamp(-5, 5)
        weight = shares(logit.exp(), target, n, 1e-6)
        path, own = f"layers.{number}.attention", all_edges(data)
        sites += [
            site(path, "score", score, edges, own),
            site(path, "logit", logit, edges, own),
            site(path, "weight", weight, edges, own, formed=False),
            site(path, "message", logit.exp()[..., None] * v[source], edges, own),
        ]
        out = summed(weight[..., None] * v[source], target, n)
        h = layer.norm_h(h + layer.O_h(out.flatten(1)))
        e = layer.norm_e(e + layer.O_e(score.flatten(1)))
    return m.read(h, data.batch), sites


class SANAttention(nn.Module):
    """Attention of SAN (Kreuzer et al., arXiv 2106.03893): edges of the graph, and all others."""

    def __init__(self):
        super().__init__()
        self.gamma = 0.3
        self.Q, self.K, self.E = (nn.Linear(DIM, DIM) for _ in range(3))
        self.Q_2, self.K_2, self.E_2 = (nn.Linear(DIM, DIM) for _ in range(3))
        self.V = nn.Linear(DIM, DIM)

    def forward(self, h, index, attr, real):
        value = self.V(h).view(-1, HEADS, D)
        score = value.new_empty(index.size(1), HEADS, 1)
        for ours, (Q, K, E), scale in (
            (real, (self.Q, self.K, self.E), 1 / (1 + self.gamma)),
            (~real, (self.Q_2, self.K_2, self.E_2), self.gamma / (1 + self.gamma)),
        ):
            rows = ours.nonzero().squeeze(1)
            src, dst = index[0][rows], index[1][rows]
            part = K(h).view(-1, HEADS, D)[src] * Q(h).view(-1, HEADS, D)[dst] / D**0.5
            part = part * E(attr[rows]).view(-1, HEADS, D)
            score[rows] = torch.exp(part.sum(-1, keepdim=True).clamp(-5, 5)) * scale
        wV = torch.zeros_like(value).index_add_(0, index[1], value[index[0]] * score)
        z = score.new_zeros(len(h), HEADS, 1).index_add_(0, index[1], score)
        return (wV / (z + 1e-6)).flatten(1)


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
            (a.Q, a.Q_2, h, target),
            (a.K, a.K_2, h, source),
            (a.E, a.E_2, attr, slice(None)),
        )
    )
    logit = (q * k * e / 2).sum(-1).clamp(-5, 5)
    amount = logit.exp() * torch.where(real, 1 / 1.3, 0.3 / 1.3).double()[:, None]
    weight, value = shares(amount, target, n, 1e-6), per_head(a.V(h))[source]
    path = "attention"
    sites = [
        site(path, "logit", logit, pairs, formed=False),
        site(path, "weight", weight, pairs, formed=False),
        site(path, "message", amount[..., None] * value, pairs),
    ]
    out = summed(weight[..., None] * value, target, n)
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
