"""Attention over tables of neighbours [V, K], which are padded, made in many ways."""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

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
from support.attention_zoo.graphs import multigraphs, nasty, plain

D = DIM // HEADS


def table_of(edge_index, nodes):
    """Return sources in a table ``[V, K]``, and which of its places are taken."""
    order = edge_index[1].argsort(stable=True)
    source, target = edge_index[:, order]
    degree = torch.bincount(target, minlength=nodes)
    place = torch.arange(len(target)) - (degree.cumsum(0) - degree)[target]
    table = torch.zeros(nodes, int(degree.max()), dtype=torch.long)
    table[target, place] = source
    return table, torch.arange(table.size(1)) < degree[:, None]


class TableLayer(nn.Module):
    """Queries of nodes, keys and values of their neighbours; the softmax is left to be written."""

    forms_messages = False

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(DIM, DIM) for _ in range(3))

    def projected(self, h, table):
        near = h[table]
        return self.q(h).view(-1, HEADS, D), *(
            lin(near).view(*table.shape, HEADS, D) for lin in (self.k, self.v)
        )


class Multiplied(TableLayer):
    """Products of numbers, and sums over channels and over places."""

    forms_messages = True

    def forward(self, h, table, there):
        q, k, v = self.projected(h, table)
        logit = (q.unsqueeze(1) * k).sum(-1) / math.sqrt(D)
        weight = logit.masked_fill(~there[..., None], -torch.inf).softmax(1)
        weight = torch.where(there[..., None], weight, 0)
        return (weight[..., None] * v).sum(1).flatten(1)


class Stacked(TableLayer):
    """Heads along the batch, and matrices (TGAT, Xu et al., arXiv 2002.07962)."""

    def forward(self, h, table, there):
        near = h.index_select(0, table.flatten()).view(*table.shape, -1)
        q = self.q(h).view(-1, 1, HEADS, D).permute(2, 0, 1, 3).reshape(-1, 1, D)
        k, v = (
            lin(near).view(*table.shape, HEADS, D).permute(2, 0, 1, 3).reshape(-1, table.size(1), D)
            for lin in (self.k, self.v)
        )
        attn = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(D)
        attn = attn.masked_fill(~there.unsqueeze(1).repeat(HEADS, 1, 1), -1e10).softmax(2)
        out = torch.bmm(attn, v).view(HEADS, len(h), D).permute(1, 0, 2).reshape(len(h), -1)
        return out * there.any(1, keepdim=True)  # a node alone has a softmax of paddings


class ByHand(TableLayer):
    """A masked softmax by hand, and einsum."""

    def forward(self, h, table, there):
        q, k, v = self.projected(h, table)
        logit = torch.einsum("vhd,vkhd->vkh", q, k) * D**-0.5
        power = (logit - logit.amax(1, keepdim=True)).exp() * there.unsqueeze(-1)
        weight = power / (power.sum(1, keepdim=True) + 1e-12)
        return torch.einsum("vkh,vkhd->vhd", weight, v).flatten(1)


class LogSums(TableLayer):
    """The logarithm of the sum of exponentials taken off."""

    forms_messages = True

    def forward(self, h, table, there):
        q, k, v = self.projected(h, table)
        logit = (q.unsqueeze(1) * k).sum(-1).mul(D**-0.5).masked_fill(~there[..., None], -1e9)
        weight = (logit - logit.logsumexp(1, keepdim=True)).exp() * there[..., None]
        return (weight[..., None] * v).sum(1).flatten(1)


class AtOnce(TableLayer):
    """``scaled_dot_product_attention`` with one query for every node."""

    def forward(self, h, table, there):
        q, k, v = self.projected(h, table)
        k, v = (each.transpose(1, 2) for each in (k, v))
        mask = there[:, None, None] | ~there.any(1)[:, None, None, None]
        out = F.scaled_dot_product_attention(q.unsqueeze(2), k, v, attn_mask=mask)
        return (out * there.any(1)[:, None, None, None]).flatten(1)


class DummyFirst(TableLayer):
    """A row of zeros before the nodes stands for no neighbour."""

    forms_messages = True

    def forward(self, h, table, there):
        table = torch.where(there, table + 1, 0)
        padded = torch.cat([h.new_zeros(1, DIM), h])
        q, k, v = self.projected(padded, table)
        logit = (q[1:, None] * k).sum(-1) / math.sqrt(D)
        weight = F.softmax(logit.masked_fill((table == 0)[..., None], -1e12), dim=1)
        weight = weight * (table > 0).unsqueeze(-1)
        return (weight[..., None] * v).sum(1).flatten(1)


class TableNet(Net):
    """A layer over tables that are made of the edges."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, data):
        h = self.enc(data.x)
        table, there = table_of(data.edge_index, data.num_nodes)
        return self.read(h + self.layer(h, table, there), data.batch)


def of_edges(data):
    """Return the edges in the order of a table, and their positions."""
    order = sorted(range(data.num_edges), key=data.edge_index[1].tolist().__getitem__)
    return data.edge_index[:, order], torch.tensor(order)


def at_once(m, data):
    out, sites = tables(m, data)
    return out, [replace(each, formed=False) for each in sites]


def tables(m, data):
    h, a, n, (edges, own) = m.enc(data.x), m.layer, data.num_nodes, of_edges(data)
    source, target = edges
    logit = (per_head(a.q(h))[target] * per_head(a.k(h))[source]).sum(-1) / math.sqrt(D)
    out, sites = attend(
        "layer", edges, logit, per_head(a.v(h))[source], n, own, message=a.forms_messages
    )
    return m.read(h + out.flatten(1), data.batch), sites


class Chosen(nn.Module):
    """The nodes of a batch of events attend to the last neighbours of each, after TGN."""

    def __init__(self):
        super().__init__()
        self.memory, self.out = nn.Linear(6, DIM), nn.Linear(DIM, 1)
        self.q, self.k, self.v = (nn.Linear(DIM, DIM) for _ in range(3))

    def forward(self, x, edge_index, nodes, table):
        memory = self.memory(x).tanh() + torch.bincount(edge_index[1], minlength=len(x))[:, None]
        q, near = self.q(memory[nodes]), memory[table.flatten()].view(*table.shape, -1)
        k, v = self.k(near), self.v(near)
        logit = torch.bmm(k, q.unsqueeze(2)).squeeze(2) / math.sqrt(DIM)
        weight = logit.masked_fill(table == 0, -1e10).softmax(1)
        return self.out(torch.bmm(weight.unsqueeze(1), v).squeeze(1))


def chosen_batch():
    """Return a graph, some of its nodes, and neighbours of these; node 0 stands for none."""
    data = plain()
    data.nodes = torch.tensor([9, 3, 5, 1])
    data.table = torch.tensor([[8, 7, 6], [2, 0, 0], [6, 4, 0], [2, 3, 0]])
    return data


def chosen(m, data):
    degree = torch.tensor([data.edge_index[1].tolist().count(v) for v in range(data.num_nodes)])
    memory = torch.tanh(m.memory(data.x)) + degree[:, None]
    pairs = [
        (source, target)
        for target, row in zip(data.nodes.tolist(), data.table.tolist(), strict=True)
        for source in row
        if source
    ]
    edges = torch.tensor(pairs).t()
    source, target = edges
    logit = (m.q(memory)[target] * m.k(memory)[source]).sum(1, keepdim=True) / math.sqrt(DIM)
    value = m.v(memory)[source][:, None]
    out, sites = attend("", edges, logit, value, len(memory), message=False)
    return m.out(out[data.nodes, 0]), sites


class PointLayer(nn.Module):
    """A softmax for every channel over the nearest points (Zhao et al., arXiv 2012.09164)."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(DIM, DIM) for _ in range(3))
        self.place = nn.Linear(3, DIM)

    def forward(self, h, pos, batch):
        far = torch.cdist(pos, pos).masked_fill(batch[:, None] != batch, torch.inf)
        near = far.topk(3, largest=False).indices
        place = self.place(pos.unsqueeze(1) - pos[near])
        logit = self.q(h)[:, None] - self.k(h)[near] + place
        weight = F.softmax(logit / math.sqrt(DIM), dim=-2)
        return torch.einsum("vkc,vkc->vc", weight, self.v(h)[near] + place)


class PointNet(Net):
    """A layer over the nearest points."""

    def __init__(self):
        super().__init__()
        self.layer = PointLayer()

    def forward(self, x, pos, batch):
        h = self.enc(x)
        return self.read(h + self.layer(h, pos, batch), batch)


def points(m, data):
    h, a, pos = m.enc(data.x), m.layer, data.pos
    pairs = []
    for v in range(len(h)):
        mine = [u for u in range(len(h)) if data.batch[u] == data.batch[v]]
        mine.sort(key=lambda u, v=v: float((pos[u] - pos[v]).norm()))
        pairs += [(u, v) for u in mine[:3]]
    source, target = edges = torch.tensor(pairs).t()
    place = a.place(pos[target] - pos[source])
    logit = (a.q(h)[target] - a.k(h)[source] + place) / math.sqrt(DIM)
    weight = normalised(logit, target, len(h))
    out = summed(weight * (a.v(h)[source] + place), target, len(h))
    sites = [
        site("layer", stage, values, edges)
        for stage, values in (("logit", logit), ("weight", weight))
    ]
    return m.read(h + out, data.batch), sites


def whole(model, data):
    """Call a model with the batch itself."""
    return model(data)


def _case(name, layer, batch=multigraphs, work=tables):
    return Case(name, lambda: TableNet(layer()), batch, whole, work)


CASES = [
    _case("tables of neighbours, products", Multiplied),
    _case("tables of neighbours, heads along the batch", Stacked, nasty),
    _case("tables of neighbours, softmax by hand", ByHand, nasty),
    _case("tables of neighbours, logsumexp", LogSums),
    _case("tables of neighbours, at once", AtOnce, plain, at_once),
    _case("tables of neighbours, a dummy first", DummyFirst, plain),
    Case("tables of neighbours of some nodes, after TGN", Chosen, chosen_batch,
         lambda model, data: model(data.x, data.edge_index, data.nodes, data.table), chosen,
         notes="tables are given, and are not made of edges"),
    Case("nearest points, a softmax for every channel", PointNet, plain,
         lambda model, data: model(data.x, data.pos, data.batch), points,
         notes="no edges are given; they are computed from places"),
]  # fmt: skip
