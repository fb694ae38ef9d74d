"""Dense attention with a bias for every pair of nodes: Graphormer and those after it."""

import math

import torch
from torch import nn

from support.attention_zoo.by_hand import DIM, HEADS, per_head
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import BONDS, EDGES
from support.attention_zoo.padded_nets import (
    DenseNet,
    biased,
    entries,
    joined,
    nodes_of,
    right_padded,
    split,
    without_edges,
)

D = DIM // HEADS


class GraphAttnBias(nn.Module):
    """A number per head for the length of the shortest path, and one for the bond."""

    def __init__(self):
        super().__init__()
        self.spatial = nn.Embedding(12, HEADS)
        self.edge = nn.Embedding(BONDS + 1, HEADS, padding_idx=0)

    def forward(self, graph):
        bias = self.spatial(graph["hops"] + 1) + self.edge(graph["bond"])
        bias = bias.permute(0, 3, 1, 2)
        return bias.masked_fill(~graph["mask"][:, None, None, :], float("-inf"))


class GraphormerAttention(nn.Module):
    """Attention with bias of Graphormer (Ying et al., arXiv 2106.05234)."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(DIM, DIM) for _ in range(3))
        self.out = nn.Linear(DIM, DIM)

    def forward(self, h, bias=None):
        q, k, v = (split(lin(h), HEADS) for lin in (self.query, self.key, self.value))
        logit = torch.matmul(q * D**-0.5, k.transpose(2, 3))
        if bias is not None:
            logit = logit + bias
        return self.out(joined(torch.softmax(logit, dim=3).matmul(v)))


class GraphormerLayer(nn.Module):
    """Norm and attention."""

    def __init__(self):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(DIM), GraphormerAttention()

    def forward(self, h, graph):
        return self.attention(self.norm(h), graph["bias"])


class Graphormer(DenseNet):
    """Degrees are added to nodes; one bias for all layers."""

    def __init__(self):
        super().__init__(GraphormerLayer(), GraphormerLayer())
        self.degree, self.bias = nn.Embedding(12, DIM), GraphAttnBias()

    def start(self, graph):
        graph["bias"] = self.bias(graph)
        return self.enc(graph["x"]) + self.degree(graph["adjacency"].sum(-1).long())


def graphormer(m, graph):
    x, pairs = nodes_of(graph)
    source, target = pairs
    adjacency = entries(graph, "adjacency", pairs)
    degree = torch.stack([adjacency[target == node].sum() for node in range(len(x))]).long()
    h, sites = m.enc(x) + m.degree.weight[degree], []
    bias = m.bias.spatial.weight[entries(graph, "hops", pairs) + 1]
    bias = bias + m.bias.edge.weight[entries(graph, "bond", pairs)]
    for number, layer in enumerate(m.layers):
        a, y = layer.attention, layer.norm(h)
        q, k, v = (per_head(lin(y)) for lin in (a.query, a.key, a.value))
        raw = (q[target] * k[source]).sum(-1) / math.sqrt(D)
        out, more = biased(f"layers.{number}.attention", pairs, raw, bias, v[source], len(x))
        h, sites = h + a.out(out), sites + more
    return m.read(h, graph["graphs"].batch), sites


class GaussianKernels(nn.Module):
    """Distances in a basis of Gaussians, and a number per head of it."""

    def __init__(self):
        super().__init__()
        self.means = nn.Parameter(torch.linspace(0, 4, 5))
        self.out = nn.Sequential(nn.Linear(5, DIM), nn.GELU(), nn.Linear(DIM, HEADS))

    def forward(self, distance):
        return self.out(torch.exp(-0.5 * (distance.unsqueeze(-1) - self.means) ** 2))


class TransformerMLayer(nn.Module):
    """Heads folded into the batch, time first, as Transformer-M and fairseq have them."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(DIM, DIM) for _ in range(4))

    def forward(self, h, graph):
        first = h.transpose(0, 1)
        N, B, _ = first.shape

        def folded(x):
            return x.contiguous().view(N, B * HEADS, D).transpose(0, 1)

        q, k, v = (folded(lin(first)) for lin in (self.query, self.key, self.value))
        logit = torch.bmm(q * D**-0.5, k.transpose(1, 2))
        logit += graph["bias"].view(B * HEADS, N, N)
        padding = ~graph["mask"].repeat_interleave(HEADS, dim=0).unsqueeze(1)
        weight = nn.functional.softmax(logit.masked_fill(padding, float("-inf")), dim=-1)
        out = torch.bmm(weight, v).transpose(0, 1).contiguous().view(N, B, DIM)
        return self.out(out).transpose(0, 1)


class TransformerM(DenseNet):
    """Paths and distances in space (Luo et al., arXiv 2210.01765)."""

    def __init__(self):
        super().__init__(TransformerMLayer())
        self.spatial, self.gbf = nn.Embedding(12, HEADS), GaussianKernels()

    def start(self, graph):
        delta = graph["pos"].unsqueeze(1) - graph["pos"].unsqueeze(2)
        bias = self.spatial(graph["hops"] + 1) + self.gbf(delta.norm(dim=-1))
        graph["bias"] = bias.permute(0, 3, 1, 2).contiguous()
        return self.enc(graph["x"])


def transformer_m(m, graph):
    x, pairs = nodes_of(graph)
    source, target = pairs
    h, (layer,), pos = m.enc(x), m.layers, graph["graphs"].pos
    bias = m.spatial.weight[entries(graph, "hops", pairs) + 1]
    bias = bias + m.gbf((pos[source] - pos[target]).pow(2).sum(1).sqrt())
    q, k, v = (per_head(lin(h)) for lin in (layer.query, layer.key, layer.value))
    raw = (q[target] * k[source]).sum(-1) / math.sqrt(D)
    out, sites = biased("layers.0", pairs, raw, bias, v[source], len(x))
    return m.read(h + layer.out(out), graph["graphs"].batch), sites


class PairBiasAttention(nn.Module):
    """Attention with pair bias and a gate, in the way of AlphaFold (Jumper et al., 2021)."""

    def __init__(self):
        super().__init__()
        self.norm, self.norm_pair = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.query, self.key, self.value = (nn.Linear(DIM, DIM, bias=False) for _ in range(3))
        self.bias = nn.Linear(DIM, HEADS, bias=False)
        self.gate, self.out = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)

    def forward(self, h, graph):
        h = self.norm(h)
        q, k, v = (lin(h).unflatten(-1, (HEADS, D)) for lin in (self.query, self.key, self.value))
        logit = torch.einsum("...ihd,...jhd->...hij", q / math.sqrt(D), k)
        padding = 1e9 * (graph["mask"].to(h) - 1)
        biases = [padding[:, None, None], self.bias(self.norm_pair(graph["z"])).movedim(-1, 1)]
        for bias in biases:
            logit = logit + bias
        out = torch.einsum("...hij,...jhd->...ihd", logit.softmax(-1), v)
        return self.out(out.flatten(-2) * self.gate(h).sigmoid())


class PairBias(DenseNet):
    """A representation of pairs of nodes from both ends and the bond."""

    def __init__(self):
        super().__init__(PairBiasAttention())
        self.left, self.right = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.edge = nn.Linear(EDGES, DIM)

    def start(self, graph):
        h = self.enc(graph["x"])
        graph["z"] = (
            self.left(h)[:, :, None] + self.right(h)[:, None] + self.edge(graph["edge_attr"])
        )
        return h


def pair_bias(m, graph):
    x, pairs = nodes_of(graph)
    source, target = pairs
    h, (a,) = m.enc(x), m.layers
    z = m.left(h)[target] + m.right(h)[source] + m.edge(entries(graph, "edge_attr", pairs))
    y = a.norm(h)
    q, k, v = (per_head(lin(y)) for lin in (a.query, a.key, a.value))
    raw = (q[target] * k[source]).sum(-1) / math.sqrt(D)
    out, sites = biased("layers.0", pairs, raw, a.bias(a.norm_pair(z)), v[source], len(x))
    out = a.out(out * torch.sigmoid(a.gate(y)))
    return m.read(h + out, graph["graphs"].batch), sites


CASES = [
    Case("Graphormer", Graphormer, right_padded, without_edges, graphormer),
    Case("Transformer-M", TransformerM, right_padded, without_edges, transformer_m),
    Case("pair bias in the way of AlphaFold", PairBias, right_padded, without_edges, pair_bias),
]
