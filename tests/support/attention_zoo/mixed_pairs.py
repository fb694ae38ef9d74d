"""Dense attention whose softmax is not yet what values are multiplied by."""

import math

import torch
from torch import nn

from support.attention_zoo.by_hand import DIM, HEADS, normalised, per_head, site, summed
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import EDGES
from support.attention_zoo.padded_nets import (
    DenseNet,
    entries,
    joined,
    nodes_of,
    right_padded,
    split,
    without_edges,
)

D = DIM // HEADS


class GatedPairs(nn.Module):
    """A softmax times a gate of each pair, after EGT (Hussain et al., arXiv 2108.03348)."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(DIM, DIM) for _ in range(4))
        self.bias, self.gate = nn.Linear(EDGES, HEADS), nn.Linear(EDGES, HEADS)

    def forward(self, h, graph):
        q, k, v = (split(lin(h), HEADS) for lin in (self.q, self.k, self.v))
        there = graph["mask"][:, None, None, :]
        bias = self.bias(graph["edge_attr"]).permute(0, 3, 1, 2)
        gate = self.gate(graph["edge_attr"]).permute(0, 3, 1, 2).sigmoid()
        logit = (q @ k.mT / math.sqrt(D)).clamp(-5, 5) + bias
        weight = logit.masked_fill(~there, -1e9).softmax(dim=-1)
        return self.out(joined((weight * gate) @ v))


def gated_pairs(m, graph):
    x, pairs = nodes_of(graph)
    source, target = pairs
    h, (a,) = m.enc(x), m.layers
    q, k, v = (per_head(lin(h)) for lin in (a.q, a.k, a.v))
    edge = entries(graph, "edge_attr", pairs)
    product = (q[target] * k[source]).sum(-1) / math.sqrt(D)
    logit = product.clamp(-5, 5) + a.bias(edge)
    weight = normalised(logit, target, len(h))
    sent = (weight * torch.sigmoid(a.gate(edge)))[..., None] * v[source]
    sites = [
        site("layers.0", "logit", product, pairs, part="unbiased"),
        site("layers.0", "logit", logit, pairs),
        site("layers.0", "weight", weight, pairs),
        site("layers.0", "message", sent, pairs, formed=False),
    ]
    out = a.out(summed(sent, target, len(h)).flatten(1))
    return m.read(h + out, graph["graphs"].batch), sites


CASES = [
    Case("softmax times a gate of pairs, after EGT", lambda: DenseNet(GatedPairs()), right_padded,
         without_edges, gated_pairs),
]  # fmt: skip
