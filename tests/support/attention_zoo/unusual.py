"""Attention where a reader would not look for it: in a model itself, turned around, in pieces."""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.utils import scatter, softmax

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    all_edges,
    attend,
    normalised,
    per_head,
    shares,
    site,
    summed,
)
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import BONDS, WIDTH, multigraphs, nasty

D = DIM // HEADS


class Functions(nn.Module):
    """Attention in functions of parameters, in no module of its own."""

    def __init__(self):
        super().__init__()
        self.W = nn.ParameterDict({
            name: nn.Parameter(torch.randn(WIDTH, DIM) / 2) for name in "qkv"
        })  # fmt: skip
        self.out = nn.Parameter(torch.randn(DIM, 1))

    def forward(self, x, edge_index):
        q, k, v = (F.linear(x, self.W[name].t()).unflatten(1, (HEADS, D)) for name in "qkv")
        logit = torch.einsum("ehd,ehd->eh", q[edge_index[1]], k[edge_index[0]]) / math.sqrt(D)
        weight = softmax(logit, edge_index[1], num_nodes=len(x))
        sent = torch.einsum("eh,ehd->ehd", weight, v[edge_index[0]])
        return scatter(sent, edge_index[1], 0, len(x), "sum").flatten(1) @ self.out


def functions(m, data):
    q, k, v = (per_head(data.x @ m.W[name]) for name in "qkv")
    source, target = data.edge_index
    logit = (q[target] * k[source]).sum(-1) / 2
    out, sites = attend("", data.edge_index, logit, v[source], len(q), all_edges(data))
    return out.flatten(1) @ m.out, sites


class Turned(nn.Module):
    """The nodes of row 0 attend to those of row 1."""

    def __init__(self):
        super().__init__()
        self.lin, self.att = nn.Linear(DIM, DIM), nn.Linear(2 * DIM, HEADS)

    def forward(self, x, edge_index):
        row, col = edge_index.unbind(0)
        logit = self.att(torch.cat((x[row], x[col]), 1)).sigmoid() * 4
        logit = logit - scatter(logit, row, 0, len(x), "max").index_select(0, row)
        power = torch.exp(logit)
        whole = torch.zeros(len(x), HEADS).to(x).index_add_(0, row, power)
        weight = power / whole.index_select(0, row).clamp(min=1e-12)
        sent = self.lin(x).view(-1, HEADS, D)[col] * weight.unsqueeze(-1)
        return scatter(sent, row, dim=0, dim_size=len(x), reduce="sum").flatten(1)


def turned(m, h, data, path):
    edges = data.edge_index.flip(0)
    logit = 4 * torch.sigmoid(m.att(torch.cat([h[edges[1]], h[edges[0]]], dim=1)))
    value = per_head(m.lin(h))[edges[0]]
    return attend(path, edges, logit, value, len(h), all_edges(data))


class Pieces(nn.Module):
    """Edges in pieces of ten, in two passes over them."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(DIM, DIM, bias=False) for _ in range(3))

    def forward(self, x, edge_index):
        q, k, v = (lin(x).view(-1, HEADS, D) for lin in (self.q, self.k, self.v))
        whole, out, powers = x.new_zeros(len(x), HEADS), torch.zeros_like(v), []
        pieces = edge_index.split(10, dim=1)
        for source, target in pieces:
            powers.append((q[target] * k[source]).sum(-1).tanh().exp())
            whole.index_add_(0, target, powers[-1])
        for (source, target), power in zip(pieces, powers, strict=True):
            weight = power / whole[target]
            out.index_add_(0, target, weight[..., None] * v[source])
        return out.flatten(1)


def pieces(m, h, data, path):
    source, target = data.edge_index
    q, k, v = (per_head(lin(h)) for lin in (m.q, m.k, m.v))
    logit = torch.tanh((q[target] * k[source]).sum(-1))
    out, sites = attend(path, data.edge_index, logit, v[source], len(h), all_edges(data))
    return out, [replace(each, formed=False) for each in sites]


class ByRelation(nn.Module):
    """A softmax over the edges of a node that are of the same relation."""

    def __init__(self):
        super().__init__()
        self.lin, self.att = nn.Linear(DIM, DIM), nn.Embedding(BONDS, 2 * DIM)

    def forward(self, x, edge_index, bond):
        source, target = edge_index
        x = self.lin(x)
        score = torch.cat([x[source], x[target]], dim=-1).tanh() * self.att(bond)
        logit = score.view(-1, 2, HEADS, D).sum((1, 3))
        weight = softmax(logit, target * BONDS + bond, num_nodes=len(x) * BONDS)
        sent = x[source].view(-1, HEADS, D) * weight[..., None]
        return scatter(sent, target, 0, len(x), "sum").flatten(1)


def by_relation(m, h, data, path):
    (source, target), edges, own = data.edge_index, data.edge_index, all_edges(data)
    h = m.lin(h)
    score = torch.tanh(torch.cat([h[source], h[target]], dim=1)) * m.att.weight[data.bond]
    logit = score.view(-1, 2, HEADS, D).sum(3).sum(1)
    weight = normalised(logit, BONDS * target + data.bond, BONDS * len(h))
    sent = weight[..., None] * per_head(h)[source]
    return summed(sent, target, len(h)), [
        site(path, "logit", logit, edges, own),
        site(path, "weight", weight, edges, own, sums_to_one=False),
        site(path, "message", sent, edges, own),
    ]


class BothEnds(nn.Module):
    """A softmax over the edges into a node, times one over the edges out of the other."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(DIM, HEADS), nn.Linear(DIM, HEADS), nn.Linear(DIM, DIM)

    def forward(self, x, edge_index):
        source, target = edge_index
        logit = (self.q(x)[target] + self.k(x)[source]).relu()
        weight = softmax(logit, target, num_nodes=len(x)) * softmax(logit, source, num_nodes=len(x))
        sent = self.v(x).view(-1, HEADS, D)[source] * weight.unsqueeze(-1)
        return scatter(sent, target, 0, len(x), "sum").flatten(1)


def both_ends(m, h, data, path):
    (source, target), edges, own = data.edge_index, data.edge_index, all_edges(data)
    logit = (m.q(h)[target] + m.k(h)[source]).clamp(min=0)
    into, out_of = (normalised(logit, end, len(h)) for end in (target, source))
    sent = (into * out_of)[..., None] * per_head(m.v(h))[source]
    return summed(sent, target, len(h)), [
        site(path, "logit", logit, edges, own),
        site(path, "logit", logit, edges, own, part="out of sources", over=0),
        site(path, "weight", into, edges, own, part="into targets"),
        site(path, "weight", out_of, edges, own, part="out of sources", over=0),
        site(path, "weight", into * out_of, edges, own, part="both", sums_to_one=False),
        site(path, "message", sent, edges, own),
    ]


class SoftplusShares(nn.Module):
    """Positive numbers over their sum: normalised without an exponential that is seen."""

    def __init__(self):
        super().__init__()
        self.att, self.v = nn.Linear(2 * DIM, HEADS), nn.Linear(DIM, DIM)

    def forward(self, x, edge_index):
        source, target = edge_index
        amount = F.softplus(self.att(torch.cat([x[source], x[target]], dim=-1)))
        weight = amount / (scatter(amount, target, 0, len(x), "sum") + 1e-9)[target]
        sent = self.v(x).view(-1, HEADS, D)[source] * weight.unsqueeze(-1)
        return scatter(sent, target, 0, len(x), "sum").flatten(1)


def softplus_shares(m, h, data, path):
    (source, target), edges, own = data.edge_index, data.edge_index, all_edges(data)
    amount = torch.log1p(torch.exp(m.att(torch.cat([h[source], h[target]], dim=1))))
    weight = shares(amount, target, len(h))
    sent = weight[..., None] * per_head(m.v(h))[source]
    return summed(sent, target, len(h)), [
        site(path, "weight", weight, edges, own),
        site(path, "message", sent, edges, own),
    ]


class Tied(Net):
    """One layer that is called twice, with residuals; or another layer, once."""

    def __init__(self, layer, calls):
        super().__init__()
        self.layer, self.calls = layer, calls

    def forward(self, data):
        h = self.enc(data.x)
        more = (data.bond,) if isinstance(self.layer, ByRelation) else ()
        for _ in range(self.calls):
            h = h + self.layer(h, data.edge_index, *more)
        return self.read(h, data.batch)


def tied(work):
    """Return what works out every call of a layer, which are parts where there are two."""

    def worked(m, data):
        h, sites = m.enc(data.x), []
        for call in range(m.calls):
            out, more = work(m.layer, h, data, "layer")
            h = h + out.flatten(1)
            sites += more if m.calls == 1 else [
                replace(each, part=f"call {call}") for each in more
            ]  # fmt: skip
        return m.read(h, data.batch), sites

    return worked


def _whole(model, data):
    return model(data)


def _case(name, layer, work, batch=nasty, calls=1, **other):
    return Case(name, lambda: Tied(layer(), calls), batch, _whole, tied(work), **other)


CASES = [
    Case("functions of parameters", Functions, nasty,
         lambda model, data: model(data.x, data.edge_index), functions,
         notes="the module is the model itself"),
    _case("row 0 attends to row 1", Turned, turned, notes="ends of the batch's edges, turned"),
    _case("edges in pieces", Pieces, pieces, notes="no tensor but the index has all edges"),
    _case("one layer called twice", Turned, turned, multigraphs, 2),
    _case("a softmax for every relation", ByRelation, by_relation, multigraphs,
          notes="a weight sums to one over the edges of a node that are of one relation"),
    _case("softmax over both ends", BothEnds, both_ends),
    _case("shares of softplus", SoftplusShares, softplus_shares),
]  # fmt: skip
