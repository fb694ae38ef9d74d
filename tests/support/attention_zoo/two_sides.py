"""Attention between two sets: drugs and drugs, nodes and links, nodes and hyperedges."""

import math
from dataclasses import replace

import torch
from torch import nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter, softmax, to_dense_batch

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    all_edges,
    attend,
    normalised,
    pairs_of,
    per_head,
    site,
    summed,
)
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import WIDTH, nasty, plain

D = DIM // HEADS


def drugs():
    """Return two batches of as many molecules."""
    one, other = plain(), nasty()
    other.x = other.x.flip(0)
    return {"one": one, "other": other}


class CrossAttention(nn.Module):
    """The atoms of one drug attend to those of the other."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(DIM, DIM) for _ in range(3))

    def forward(self, x, x_batch, y, y_batch):
        q, own = to_dense_batch(self.query(x), x_batch)
        k, its = to_dense_batch(self.key(y), y_batch)
        v, _ = to_dense_batch(self.value(y), y_batch)
        scores = torch.baddbmm(torch.zeros(1, 1, 1).to(q), q, k.mT, beta=0, alpha=DIM**-0.5)
        scores = scores.masked_fill(~its.unsqueeze(1), torch.finfo(scores.dtype).min)
        attention = nn.functional.softmax(scores, dim=2)
        return torch.bmm(attention, v)[own]


class DrugPair(nn.Module):
    """Cross attention both ways, and a number for the pair."""

    def __init__(self):
        super().__init__()
        self.enc, self.out = nn.Linear(WIDTH, DIM), nn.Linear(2 * DIM, 1)
        self.to_other, self.to_one = CrossAttention(), CrossAttention()

    def forward(self, one, other):
        x, y = self.enc(one.x), self.enc(other.x)
        x_new = x + self.to_other(x, one.batch, y, other.batch)
        y_new = y + self.to_one(y, other.batch, x, one.batch)
        ends = [scatter(x_new, one.batch, reduce="sum"), scatter(y_new, other.batch, reduce="sum")]
        return self.out(torch.cat(ends, dim=-1))


def drug_pair(m, batch):
    one, other = batch["one"], batch["other"]
    x, y, sites, ends = m.enc(one.x), m.enc(other.x), [], []
    for path, (u, ours), (v, theirs) in (
        ("to_other", (x, one.batch), (y, other.batch)),
        ("to_one", (y, other.batch), (x, one.batch)),
    ):
        a, pairs = getattr(m, path), pairs_of(ours, theirs)
        logit = (a.query(u)[pairs[1]] * a.key(v)[pairs[0]]).sum(1, keepdim=True) / math.sqrt(DIM)
        out, more = attend(path, pairs, logit, a.value(v)[pairs[0]][:, None], len(u), message=False)
        sites += more
        ends.append(summed(u + out[:, 0], ours, 3))
    return m.out(torch.cat(ends, dim=1)), sites


def links():
    """Return graphs, and the pairs of nodes of which links are to be told."""
    data = nasty()
    data.links = torch.tensor([[0, 1, 4, 6, 8, 2], [2, 3, 5, 9, 11, 2]])
    return data


class LinkAttention(MessagePassing):
    """Nodes near both ends send to a link what is related to it (after LPFormer)."""

    def __init__(self):
        super().__init__(aggr="sum", node_dim=0, flow="target_to_source")
        self.lin_l, self.lin_r = nn.Linear(2 * DIM, DIM), nn.Linear(DIM + 2, DIM)
        self.att = nn.Parameter(torch.randn(1, HEADS, D))

    def forward(self, x_link, x_node, edge_index, ppr):
        size = (len(x_link), len(x_node))
        link = self.lin_l(x_link)
        out = self.propagate(edge_index, size=size, link=link, node=x_node, ppr=ppr)
        return out.flatten(1)

    def message(self, edge_index, link, node, ppr, size):
        at_link, at_node = edge_index
        value = self.lin_r(torch.cat([node[at_node], ppr], dim=-1))
        state = nn.functional.leaky_relu(value * link[at_link], 0.2).view(-1, HEADS, D)
        logit = (state * self.att).sum(-1)
        weight = softmax(logit, at_link, num_nodes=size[0])
        return value.view(-1, HEADS, D) * weight.unsqueeze(-1)


class LinkNet(Net):
    """Scores of links from their ends and from the nodes around them."""

    def __init__(self):
        super().__init__()
        self.attention, self.head = LinkAttention(), nn.Linear(DIM, 1)

    def around(self, data):
        """Return links x nodes near either end, and how near they are."""
        walk = torch.zeros(data.num_nodes, data.num_nodes).to(data.x)
        walk.index_put_((data.edge_index[1], data.edge_index[0]), data.x.new_ones(1), True)
        walk = walk / walk.sum(1, keepdim=True).clamp(min=1)
        ppr = 0.15 * sum((0.85 * walk).matrix_power(k) for k in range(4))
        left, right = ppr[data.links[0]], ppr[data.links[1]]
        near = ((left > 0.02) | (right > 0.02)).nonzero().t()
        return near, torch.stack([left[near[0], near[1]], right[near[0], near[1]]], dim=-1)

    def forward(self, data):
        h = self.enc(data.x)
        near, ppr = self.around(data)
        ends = torch.cat([h[data.links[0]], h[data.links[1]]], dim=-1)
        return self.head(self.attention(ends, h, near, ppr))


def link_net(m, data):
    h, a, (near, ppr) = m.enc(data.x), m.attention, m.around(data)
    link = a.lin_l(torch.cat([h[data.links[0]], h[data.links[1]]], dim=1))
    edges = near.flip(0)
    value = a.lin_r(torch.cat([h[edges[0]], ppr], dim=1))
    state = per_head(value * link[edges[1]])
    score = torch.where(state > 0, state, 0.2 * state) * a.att
    out, sites = attend("attention", edges, score.sum(-1), per_head(value), len(link))
    sites.append(site("attention", "score", score, edges))
    return m.head(out.flatten(1)), sites


class HyperAttention(nn.Module):
    """Nodes to hyperedges and back, each with a softmax; hyperedges are the edges' stars."""

    def __init__(self):
        super().__init__()
        self.v2e, self.e2v = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.a_e, self.a_v = nn.Linear(DIM, 1), nn.Linear(2 * DIM, 1)

    def forward(self, x, node, hyper, count):
        pulled = self.v2e(x)[node]
        alpha = softmax(self.a_e(pulled).tanh(), hyper, num_nodes=count)
        edges = scatter(alpha * pulled, hyper, dim=0, dim_size=count, reduce="sum").relu()
        pushed = self.e2v(edges)[hyper]
        beta = softmax(self.a_v(torch.cat([pushed, x[node]], -1)), node, num_nodes=len(x))
        return scatter(beta * pushed, node, dim=0, dim_size=len(x), reduce="sum")


class HyperNet(Net):
    """The hyperedge of a node: its neighbours."""

    def __init__(self):
        super().__init__()
        self.attention = HyperAttention()

    def forward(self, data):
        h = self.enc(data.x)
        node, hyper = data.edge_index
        return self.read(self.attention(h, node, hyper, data.num_nodes), data.batch)


def hyper_net(m, data):
    h, a, n, own = m.enc(data.x), m.attention, data.num_nodes, all_edges(data)
    (node, hyper), edges = data.edge_index, data.edge_index
    pulled = a.v2e(h)[node]
    first, sites = attend("attention", edges, torch.tanh(a.a_e(pulled)), pulled[:, None], n, own)
    sites = [replace(each, part="nodes to hyperedges") for each in sites]
    pushed = a.e2v(first[:, 0].clamp(min=0))[hyper]
    logit = a.a_v(torch.cat([pushed, h[node]], dim=1))
    weight = normalised(logit, node, n)
    back, part = edges.flip(0), "hyperedges to nodes"
    for stage, values in (("logit", logit), ("weight", weight)):
        sites.append(site("attention", stage, values, back, part=part))
    sites.append(site("attention", "message", (weight * pushed)[:, None], back, part=part))
    return m.read(summed(weight * pushed, node, n), data.batch), sites


CASES = [
    Case("cross attention of two drugs", DrugPair, drugs,
         lambda model, batch: model(batch["one"], batch["other"]), drug_pair,
         notes="sources and targets are numbered in two batches"),
    Case("links attend to nodes", LinkNet, links, lambda model, batch: model(batch), link_net,
         notes="targets are links; the layer's flow is target to source"),
    Case("nodes and hyperedges", HyperNet, plain, lambda model, batch: model(batch), hyper_net),
]  # fmt: skip
