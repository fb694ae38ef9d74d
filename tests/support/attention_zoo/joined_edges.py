"""Attention whose edges are worked on in turn: relation after relation, or piece after piece."""

import torch
from torch import nn
from torch_geometric.utils import scatter, softmax

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    attend,
    normalised,
    per_head,
    site,
    summed,
)
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import BONDS, multigraphs, nasty

D = DIM // HEADS


class Relations(nn.Module):
    """Keys and values of each relation, and one softmax over all edges of a node."""

    def __init__(self):
        super().__init__()
        self.q = nn.Linear(DIM, DIM)
        self.k, self.v = (
            nn.ModuleList([nn.Linear(DIM, DIM) for _ in range(BONDS)]) for _ in range(2)
        )

    def forward(self, h, edge_index, bond):
        q = self.q(h).view(-1, HEADS, D)
        logits, values, targets = [], [], []
        for relation in range(BONDS):
            source, target = edge_index[:, bond == relation]
            key = self.k[relation](h).view(-1, HEADS, D)[source]
            values.append(self.v[relation](h).view(-1, HEADS, D)[source])
            logits.append((q[target] * key).sum(-1) / D**0.5)
            targets.append(target)
        target = torch.cat(targets)
        weight = softmax(torch.cat(logits), target, num_nodes=len(h))
        sent = torch.cat(values) * weight.unsqueeze(-1)
        return scatter(sent, target, 0, len(h), "sum").flatten(1)


class RelationNet(Net):
    """A layer over relations."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, data):
        h = self.enc(data.x)
        return self.read(h + self.layer(h, data.edge_index, data.bond), data.batch)


def by_relation(data):
    """Return the edges, relation after relation, with their positions and relations."""
    kinds = data.bond.tolist()
    order = [e for r in range(BONDS) for e in range(data.num_edges) if kinds[e] == r]
    return data.edge_index[:, order], torch.tensor(order), data.bond[order].tolist()


def _of_relation(lins, h, source, kinds):
    rows = [lins[kind](h[node]) for node, kind in zip(source.tolist(), kinds, strict=True)]
    return per_head(torch.stack(rows))


def relations(m, data):
    h, a, n, (edges, own, kinds) = m.enc(data.x), m.layer, data.num_nodes, by_relation(data)
    source, target = edges
    k, v = (_of_relation(lins, h, source, kinds) for lins in (a.k, a.v))
    logit = (per_head(a.q(h))[target] * k).sum(-1) / 2
    out, sites = attend("layer", edges, logit, v, n, own)
    return m.read(h + out.flatten(1), data.batch), sites


class OwnSoftmax(nn.Module):
    """Attention of a relation, with a softmax over its edges alone."""

    def __init__(self):
        super().__init__()
        self.att, self.v = nn.Linear(2 * DIM, HEADS), nn.Linear(DIM, DIM)

    def forward(self, h, edge_index):
        source, target = edge_index
        logit = self.att(torch.cat([h[target], h[source]], dim=-1)).tanh()
        weight = softmax(logit, target, num_nodes=len(h)).unsqueeze(-1)
        return scatter(weight * self.v(h).view(-1, HEADS, D)[source], target, 0, len(h), "sum")


class Each(nn.Module):
    """The sum over relations, each of which is normalised by itself."""

    def __init__(self):
        super().__init__()
        self.of = nn.ModuleList([OwnSoftmax() for _ in range(BONDS)])

    def forward(self, h, edge_index, bond):
        outs = [layer(h, edge_index[:, bond == r]) for r, layer in enumerate(self.of)]
        return torch.stack(outs).sum(0).flatten(1)


def each(m, data):
    h, n, total, sites = m.enc(data.x), data.num_nodes, 0, []
    for relation, a in enumerate(m.layer.of):
        own = torch.tensor([e for e, kind in enumerate(data.bond.tolist()) if kind == relation])
        source, target = edges = data.edge_index[:, own]
        logit = torch.tanh(a.att(torch.cat([h[target], h[source]], dim=1)))
        out, more = attend(f"layer.of.{relation}", edges, logit, per_head(a.v(h))[source], n, own)
        total, sites = total + out, sites + more
    return m.read(h + total.flatten(1), data.batch), sites


class Chunks(nn.Module):
    """Messages of pieces of the edges, divided at the end by the sum of what weighs them."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(DIM, DIM) for _ in range(3))

    def forward(self, h, edge_index, _bond):
        q, k, v = (lin(h).view(-1, HEADS, D) for lin in (self.q, self.k, self.v))
        whole, out = h.new_zeros(len(h), HEADS), torch.zeros_like(v)
        for first in range(0, edge_index.size(1), 16):
            source, target = edge_index[:, first : first + 16]
            power = (q[target] * k[source]).sum(-1).div(D**0.5).clamp(-5, 5).exp()
            out.scatter_add_(
                0, target.view(-1, 1, 1).expand(-1, HEADS, D), power[..., None] * v[source]
            )
            whole = whole.index_add(0, target, power)
        return (out / (whole.unsqueeze(-1) + 1e-12)).flatten(1)


def chunks(m, data):
    h, a, n, edges = m.enc(data.x), m.layer, data.num_nodes, data.edge_index
    source, target = edges
    q, k, v = (per_head(lin(h)) for lin in (a.q, a.k, a.v))
    logit = ((q[target] * k[source]).sum(-1) / 2).clamp(-5, 5)
    weight, own = normalised(logit, target, n), torch.arange(edges.size(1))
    sites = [
        site("layer", "logit", logit, edges, own, formed=False),
        site("layer", "weight", weight, edges, own, formed=False),
        site("layer", "message", weight[..., None] * v[source], edges, own, formed=False),
    ]
    out = summed(weight[..., None] * v[source], target, n)
    return m.read(h + out.flatten(1), data.batch), sites


def whole(model, data):
    """Call a model with the batch itself."""
    return model(data)


def _case(name, layer, batch, work):
    return Case(name, lambda: RelationNet(layer()), batch, whole, work)


CASES = [
    _case("relation after relation, one softmax", Relations, nasty, relations),
    _case("relation after relation, each with a softmax", Each, multigraphs, each),
    _case("edges in pieces, divided at the end", Chunks, nasty, chunks),
]
