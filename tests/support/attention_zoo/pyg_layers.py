"""Layers of PyG with attention that no adapter knows, each in a small model."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.nn import (
    AGNNConv,
    DNAConv,
    FAConv,
    FeaStConv,
    GeneralConv,
    GMMConv,
    HEATConv,
    HypergraphConv,
    PointTransformerConv,
    ResGatedGraphConv,
)

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    all_edges,
    attend,
    normalised,
    nothing,
    per_head,
    site,
    summed,
)
from support.attention_zoo.case import NO_VALUE, Case
from support.attention_zoo.graphs import ATOMS, BONDS, EDGES, looped, multigraphs, nasty

D = DIM // HEADS


class Layered(Net):
    """A layer between an encoder of nodes and a number for each graph."""

    def __init__(self, conv, how):
        super().__init__()
        self.conv, self.how = conv, how

    def forward(self, data):
        return self.read(self.how(self.conv, self.enc(data.x), data), data.batch)


def with_loops(data: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return edges without self-loops and a loop for every node after them; and whose they are."""
    kept = [k for k, (i, j) in enumerate(data.edge_index.t().tolist()) if i != j]
    loops = torch.arange(data.num_nodes).expand(2, -1)
    edges = torch.cat([data.edge_index[:, kept], loops], dim=1)
    return edges, torch.tensor(kept + [-1] * data.num_nodes)


def agnn(m, data):
    h, (edges, own) = m.enc(data.x), with_loops(data)
    source, target = edges
    unit = h / h.pow(2).sum(1, keepdim=True).sqrt()
    score = unit[target] * unit[source]
    logit = m.conv.beta * score.sum(1, keepdim=True)
    out, sites = attend("conv", edges, logit, h[source][:, None], len(h), own)
    sites.append(site("conv", "score", score[:, None], edges, own))
    return m.read(out[:, 0], data.batch), sites


def fa(m, data):
    h, (edges, own) = m.enc(data.x), with_loops(data)
    source, target = edges
    degree = summed(torch.ones(len(own)).double(), target, len(h))
    gate = torch.tanh(m.conv.att_l(h)[source] + m.conv.att_r(h)[target])
    norm = 1 / (degree[source] * degree[target]).sqrt()
    sent = h[source] * gate * norm[:, None]
    sites = [
        site("conv", "gate", gate, edges, own),
        site("conv", "message", sent[:, None], edges, own),
    ]
    return m.read(summed(sent, target, len(h)) + 0.1 * h, data.batch), sites


def feast(m, data):
    h, (edges, own), c = m.enc(data.x), with_loops(data), m.conv
    source, target = edges
    power = torch.exp((h[source] - h[target]) @ c.u.weight.t() + c.c)
    gate = power / power.sum(1, keepdim=True)
    sent = (per_head(c.lin(h))[source] * gate[..., None]).sum(1)
    count = summed(torch.ones(len(own), 1).double(), target, len(h))
    sites = [
        site("conv", "gate", gate, edges, own),
        site("conv", "message", sent[:, None], edges, own),
    ]
    return m.read(summed(sent, target, len(h)) / count + c.bias, data.batch), sites


def heat(m, data):
    h, c, own = m.conv.hetero_lin(m.enc(data.x), data.z), m.conv, all_edges(data)
    source, target = data.edge_index
    kind = F.leaky_relu(c.edge_type_emb.weight[data.bond], 0.2)
    attr = F.leaky_relu(c.edge_attr_emb(data.edge_attr), 0.2)
    logit = F.leaky_relu(c.att(torch.cat([h[target], h[source], kind, attr], dim=1)), 0.2)
    value = c.lin(torch.cat([h[source], attr], dim=1))[:, None]
    out, sites = attend("conv", data.edge_index, logit, value, len(h), own)
    return m.read((out + h[:, None]).mean(1), data.batch), sites


def hypergraph(m, data):
    h, c, own, n = m.enc(data.x), m.conv, all_edges(data), data.num_nodes
    node, hyper = edges = data.edge_index
    x, attr = per_head(c.lin(h)), per_head(c.lin(data.x @ m.enc.weight.t()))
    score = torch.cat([x[node], attr[hyper]], dim=-1) * c.att
    logit = F.leaky_relu(score.sum(-1), 0.2)
    weight = normalised(logit, hyper, n)
    ones = torch.ones(len(node)).double()
    in_hyper, of_node = summed(ones, hyper, n), summed(ones, node, n)
    first = weight[..., None] * x[node] / in_hyper[hyper][:, None, None]
    second = weight[..., None] * summed(first, hyper, n)[hyper] / of_node[node][:, None, None]
    sites = [
        site("conv", "score", score, edges, own),
        site("conv", "logit", logit, edges, own),
        site("conv", "weight", weight, edges, own),
        site("conv", "message", first, edges, own, part="nodes to hyperedges"),
        site("conv", "message", second, edges.flip(0), part="hyperedges to nodes"),
    ]
    return m.read(summed(second, node, n).flatten(1) + c.bias, data.batch), sites


def point_transformer(m, data):
    h, (edges, own), c = m.enc(data.x), with_loops(data), m.conv
    source, target = edges
    delta = c.pos_nn(data.pos[target] - data.pos[source])
    logit = c.lin_dst(h)[target] - c.lin_src(h)[source] + delta
    weight = normalised(logit, target, len(h))
    sent = weight * (c.lin(h)[source] + delta)
    sites = [
        site("conv", stage, values[:, None], edges, own)
        for stage, values in (("logit", logit), ("weight", weight), ("message", sent))
    ]
    return m.read(summed(sent, target, len(h)), data.batch), sites


def general(kind):
    """Return what works out GeneralConv with one of its kinds of attention."""

    def work(m, data):
        h, c, own = m.enc(data.x), m.conv, all_edges(data)
        source, target = edges = data.edge_index
        attr = c.lin_edge(data.edge_attr)
        at_source, at_target = (per_head(c.lin_msg(h)[end] + attr) for end in (source, target))
        score = at_source * (c.att_msg if kind == "additive" else at_target)
        logit = score.sum(-1) / (1 if kind == "additive" else D**0.5)
        logit = torch.maximum(logit, 0.2 * logit)
        out, sites = attend("conv", edges, logit, at_source, len(h), own)
        sites.append(site("conv", "score", score, edges, own))
        return m.read(out.mean(1) + c.lin_self(h), data.batch), sites

    return work


def gmm(m, data):
    h, c, own = m.enc(data.x), m.conv, all_edges(data)
    source, target = edges = data.edge_index
    away = (data.edge_attr[:, None] - c.mu) / c.sigma
    gate = torch.exp(-0.5 * away.pow(2).sum(-1))
    value = (h @ c.g).view(len(h), c.kernel_size, -1)[source]
    sent = (gate[..., None] * value).sum(1)
    count = summed(torch.ones(len(own), 1).double(), target, len(h)).clamp(min=1)
    out = summed(sent, target, len(h)) / count + c.root(h) + c.bias
    sites = [
        site("conv", "gate", gate, edges, own),
        site("conv", "message", sent[:, None], edges, own),
    ]
    return m.read(out, data.batch), sites


def res_gated(m, data):
    h, c, own = m.enc(data.x), m.conv, all_edges(data)
    source, target = edges = data.edge_index
    key, query, value = (
        lin(torch.cat([h[end], data.edge_attr], dim=1))
        for lin, end in ((c.lin_key, target), (c.lin_query, source), (c.lin_value, source))
    )
    gate = 1 / (1 + torch.exp(-key - query))
    sent = gate * value
    sites = [
        site("conv", stage, values[:, None], edges, own)
        for stage, values in (("gate", gate), ("message", sent))
    ]
    return m.read(summed(sent, target, len(h)) + c.lin_skip(h) + c.bias, data.batch), sites


def _whole(model, data):
    return model(data)


def _case(name, conv, how, work, batch=nasty, *more, **other):
    return Case(name, lambda: Layered(conv(), how), batch, _whole, work, *more, **other)


def _plain(conv, h, data):
    return conv(h, data.edge_index)


def _edges(conv, h, data):
    return conv(h, data.edge_index, data.edge_attr)


def _general(kind):
    return lambda: GeneralConv(
        DIM, DIM // HEADS, EDGES, skip_linear=True, heads=HEADS, attention=True, attention_type=kind
    )


class GeneralNet(Layered):
    """GeneralConv averages its heads."""

    def __init__(self, kind):
        super().__init__(_general(kind)(), _edges)
        self.head = nn.Linear(D, 1)


class HyperNet(Net):
    """Hyperedges have features of their own."""

    def __init__(self):
        super().__init__()
        self.conv = HypergraphConv(DIM, D, use_attention=True, heads=HEADS)

    def forward(self, data):
        attr = data.x @ self.enc.weight.t()
        h = self.enc(data.x)
        out = self.conv(h, data.edge_index, hyperedge_attr=attr, num_edges=data.num_nodes)
        return self.read(out, data.batch)


CASES = [
    _case("AGNNConv", AGNNConv, _plain, agnn),
    _case("FAConv", lambda: FAConv(DIM), lambda conv, h, data: conv(h, h, data.edge_index), fa,
          looped, notes="a loop that was there is added again, at the end"),
    _case("FeaStConv", lambda: FeaStConv(DIM, DIM, HEADS), _plain, feast,
          notes="the softmax is over heads, not over neighbours"),
    _case("HEATConv", lambda: HEATConv(DIM, DIM, ATOMS, BONDS, 3, EDGES, 4, HEADS, concat=False),
          lambda conv, h, data: conv(h, data.edge_index, data.z, data.bond, data.edge_attr), heat),
    Case("HypergraphConv", HyperNet, multigraphs, _whole, hypergraph),
    _case("PointTransformerConv", lambda: PointTransformerConv(DIM, DIM),
          lambda conv, h, data: conv(h, data.pos, data.edge_index), point_transformer,
          notes="a softmax for every channel"),
    Case("GeneralConv, additive", lambda: GeneralNet("additive"), nasty, _whole,
         general("additive")),
    Case("GeneralConv, dot product", lambda: GeneralNet("dot_product"), nasty, _whole,
         general("dot_product")),
    _case("GMMConv", lambda: GMMConv(DIM, DIM, EDGES, 3), _edges, gmm,
          notes="Gaussians of edge features, not normalised"),
    _case("ResGatedGraphConv", lambda: ResGatedGraphConv(DIM, DIM, edge_dim=EDGES), _edges,
          res_gated, notes="a gate for every channel"),
    _case("DNAConv", lambda: DNAConv(DIM, HEADS),
          lambda conv, h, data: conv(torch.stack([h, h.tanh()], dim=1), data.edge_index), nothing,
          nasty, NO_VALUE, "its softmax is over the layers of one edge's end, not over edges"),
]  # fmt: skip
