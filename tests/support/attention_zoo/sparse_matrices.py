"""Attention by sparse matrices of torch, made of edges and a number for each."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.utils import softmax

from support.attention_zoo.by_hand import (
    DIM,
    HEADS,
    Net,
    all_edges,
    attend,
    normalised,
    shares,
    site,
    summed,
)
from support.attention_zoo.case import NO_VALUE, Case
from support.attention_zoo.graphs import EDGES, looped, nasty, plain

D = DIM // HEADS


class Multiply(torch.autograd.Function):
    """A product of a sparse matrix that is made of numbers, as pyGAT has it."""

    @staticmethod
    def forward(_ctx, indices, values, shape, dense):
        return torch.matmul(torch.sparse_coo_tensor(indices, values, shape), dense)


class SparseLayer(nn.Module):
    """An exponential that is not shifted, over the sum of a row (pyGAT's sparse layer)."""

    def __init__(self):
        super().__init__()
        self.W = nn.Parameter(torch.randn(DIM, D) / 2)
        self.a = nn.Parameter(torch.randn(1, 2 * D) / 2)

    def forward(self, h, adjacency):
        count = len(h)
        edge = adjacency.nonzero().t()
        h = h @ self.W
        both = torch.cat((h[edge[0]], h[edge[1]]), dim=1).t()
        power = torch.exp(-F.leaky_relu(self.a.mm(both).squeeze(), 0.2))
        shape = torch.Size([count, count])
        whole = Multiply.apply(edge, power, shape, torch.ones(count, 1).to(h))
        return Multiply.apply(edge, power, shape, h).div(whole)


class SparseNet(Net):
    """Two heads of pyGAT on a dense adjacency."""

    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList([SparseLayer() for _ in range(HEADS)])

    def forward(self, x, edge_index, batch):
        adjacency = torch.eye(len(x))
        adjacency[edge_index[1], edge_index[0]] = 1
        h = self.enc(x)
        return self.read(torch.cat([F.elu(head(h, adjacency)) for head in self.heads], 1), batch)


def pygat(m, data):
    pairs = {(node, node) for node in range(data.num_nodes)}
    pairs |= {tuple(pair) for pair in data.edge_index.t().tolist()}
    edges = torch.tensor(sorted(pairs, key=lambda pair: pair[::-1])).t()
    source, target = edges
    h, sites, outs = m.enc(data.x), [], []
    for number, head in enumerate(m.heads):
        w = h @ head.W
        raw = torch.cat([w[target], w[source]], dim=1) @ head.a[0]
        logit = -torch.where(raw > 0, raw, 0.2 * raw)[:, None]
        out, more = attend(
            f"heads.{number}", edges, logit, w[source][:, None], len(h), message=False
        )
        sites += [replace(each, formed=each.stage == "logit") for each in more]
        outs.append(F.elu(out.flatten(1)))
    return m.read(torch.cat(outs, dim=1), data.batch), sites


class HybridLayer(nn.Module):
    """Attention to triples (Nathani et al., arXiv 1906.01195), whose sums are sparse."""

    def __init__(self):
        super().__init__()
        self.a, self.a_2 = (
            nn.Parameter(torch.randn(DIM, 2 * DIM + EDGES) / 3),
            nn.Parameter(torch.randn(1, DIM) / 2),
        )

    @staticmethod
    def summed(edge, values, count):
        shape = torch.Size([count, count, values.shape[1]])
        return torch.sparse.sum(torch.sparse_coo_tensor(edge, values, shape), dim=1).to_dense()

    def forward(self, x, edge, edge_embed):
        triple = torch.cat((x[edge[0, :], :], x[edge[1, :], :], edge_embed[:, :]), dim=1).t()
        edge_m = self.a.mm(triple)
        powers = -F.leaky_relu(self.a_2.mm(edge_m).squeeze(), 0.2)
        edge_e = torch.exp(powers).unsqueeze(1)
        whole = self.summed(edge, edge_e, len(x))
        whole[whole == 0.0] = 1e-12
        edge_w = edge_e * edge_m.t()
        return F.elu(self.summed(edge, edge_w, len(x)).div(whole))


class HybridNet(Net):
    """A layer, in which row 0 attends to row 1."""

    def __init__(self):
        super().__init__()
        self.layer = HybridLayer()

    def forward(self, x, edge_index, edge_attr, batch):
        return self.read(self.layer(self.enc(x), edge_index, edge_attr), batch)


def kbgat(m, data):
    h, a, edges, n = m.enc(data.x), m.layer, data.edge_index.flip(0), data.num_nodes
    triple = torch.cat([h[edges[1]], h[edges[0]], data.edge_attr], dim=1) @ a.a.t()
    raw = triple @ a.a_2[0]
    logit = -torch.where(raw > 0, raw, 0.2 * raw)[:, None]
    weight = shares(logit.exp(), edges[1], n)
    sites = [
        site("layer", "logit", logit, edges, all_edges(data)),
        site("layer", "weight", weight, edges, all_edges(data), formed=False),
    ]
    out = F.elu(summed(weight * triple, edges[1], n))
    return m.read(out, data.batch), sites


class Ordered(Net):
    """Weights by PyG's softmax, in a sparse matrix that is put in order, and multiplied."""

    def __init__(self, csr):
        super().__init__()
        self.W, self.att, self.csr = nn.Linear(DIM, DIM), nn.Linear(2 * DIM, 1), csr

    def forward(self, x, edge_index, batch):
        h = self.enc(x)
        both = torch.cat([h[edge_index[1]], h[edge_index[0]]], dim=1)
        weight = softmax(self.att(both).tanh().squeeze(1) * 3, edge_index[1], num_nodes=len(h))
        matrix = torch.sparse_coo_tensor(edge_index, weight, (len(h), len(h))).t().coalesce()
        matrix = matrix.to_sparse_csr() if self.csr else matrix
        return self.read(matrix @ self.W(h), batch)


def ordered(m, data):
    h, (source, target) = m.enc(data.x), data.edge_index
    logit = 3 * torch.tanh(m.att(torch.cat([h[target], h[source]], dim=1)))
    weight = normalised(logit, target, len(h))
    out = summed(weight * m.W(h)[source], target, len(h))
    own = all_edges(data)
    sites = [
        site("", "logit", logit, data.edge_index, own),
        site("", "weight", weight, data.edge_index, own),
    ]
    return m.read(out, data.batch), sites


class Doubled(Net):
    """A softmax of a sparse matrix, in which edges between the same nodes are added up before."""

    def __init__(self):
        super().__init__()
        self.logit = nn.Linear(EDGES, 1)

    def forward(self, x, edge_index, edge_attr, batch):
        h, logit = self.enc(x), self.logit(edge_attr).squeeze(1)
        matrix = torch.sparse_coo_tensor(edge_index.flip(0), logit, (len(h), len(h)))
        return self.read(torch.sparse.mm(torch.sparse.softmax(matrix, dim=1), h), batch)


def doubled(m, data):
    h, logit = m.enc(data.x), m.logit(data.edge_attr)[:, 0].tolist()
    sums = {}
    for pair, value in zip(data.edge_index.t().tolist(), logit, strict=True):
        sums[tuple(pair)] = sums.get(tuple(pair), 0.0) + value
    edges, values = torch.tensor(list(sums)).t(), torch.tensor(list(sums.values())).double()
    weight = normalised(values[:, None], edges[1], len(h))
    return m.read(summed(weight * h[edges[0]], edges[1], len(h)), data.batch), []


def by_parts(model, data):
    """Call a model with nodes, edges and graphs."""
    return model(data.x, data.edge_index, data.batch)


def with_edges(model, data):
    """Call a model with nodes, edges, their features and graphs."""
    return model(data.x, data.edge_index, data.edge_attr, data.batch)


CASES = [
    Case("pyGAT, sparse", SparseNet, looped, by_parts, pygat,
         notes="edges are computed anew, from the adjacency"),
    Case("KBGAT, sums of hybrid matrices", HybridNet, nasty, with_edges, kbgat,
         notes="row 0 attends to row 1"),
    Case("sparse matrix in order", lambda: Ordered(csr=False), plain, by_parts, ordered),
    Case("sparse matrix by rows", lambda: Ordered(csr=True), plain, by_parts, ordered),
    Case("softmax of a sparse matrix with edges in one place", Doubled, nasty, with_edges, doubled,
         NO_VALUE, "its softmax is over sums of edges, and not over edges"),
]  # fmt: skip
