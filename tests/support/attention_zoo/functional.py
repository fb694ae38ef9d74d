"""Attention by a function of torch: what is summed is never seen, unless it is asked for."""

import math
import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention.flex_attention import flex_attention

from support.attention_zoo.by_hand import DIM, HEADS, per_head
from support.attention_zoo.case import Case
from support.attention_zoo.graphs import BONDS
from support.attention_zoo.padded_nets import (
    DenseNet,
    biased,
    entries,
    joined,
    left_padded,
    nodes_of,
    right_padded,
    split,
    without_edges,
)

D = DIM // HEADS


class Projected(nn.Module):
    """Queries, keys and values in one projection; the attention is left to a function."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.bond = nn.Embedding(BONDS + 1, HEADS)

    def forward(self, h, graph):
        q, k, v = (split(part, HEADS) for part in self.qkv(h).chunk(3, dim=-1))
        return self.out(joined(self.attended(q, k, v, graph)))


class MaskedSDPA(Projected):
    """A mask of booleans."""

    def attended(self, q, k, v, graph):
        mask = graph["mask"][:, None, None, :]
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


class BiasedSDPA(Projected):
    """A bias of bonds, and -inf for padding, in one mask of numbers; a scale of its own."""

    def attended(self, q, k, v, graph):
        bias = self.bond(graph["bond"]).permute(0, 3, 1, 2)
        bias = bias.masked_fill(~graph["mask"][:, None, None, :], float("-inf"))
        return F.scaled_dot_product_attention(q, k, v, bias, 0.0, is_causal=False, scale=0.25)


class Flex(Projected):
    """``flex_attention`` with a function of logits."""

    def attended(self, q, k, v, graph):
        bias, mask = self.bond(graph["bond"]), graph["mask"]

        def modified(score, b, h, q_idx, kv_idx):
            score = score + bias[b, q_idx, kv_idx, h]
            return torch.where(mask[b, kv_idx], score, -float("inf"))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is slow when it is not compiled
            return flex_attention(q, k, v, score_mod=modified)


def projected(*, bias, scale=0.5):
    """Return what works out a net of one projected block."""

    def work(m, graph):
        x, pairs = nodes_of(graph)
        source, target = pairs
        h, (a,) = m.enc(x), m.layers
        q, k, v = (per_head(part) for part in a.qkv(h).split(DIM, dim=-1))
        raw = (q[target] * k[source]).sum(-1) * scale
        added = a.bond.weight[entries(graph, "bond", pairs)] if bias else None
        out, sites = biased("layers.0", pairs, raw, added, v[source], len(x), formed=False)
        return m.read(h + a.out(out), graph["graphs"].batch), sites

    return work


class FunctionalForm(nn.Module):
    """The functional form of MultiheadAttention, with parameters of one's own, time first."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3 * DIM, DIM) / 3)
        self.bias = nn.Parameter(torch.randn(3 * DIM) / 3)
        self.out = nn.Linear(DIM, DIM)

    def forward(self, h, graph):
        x = h.transpose(0, 1)
        out, _ = F.multi_head_attention_forward(
            x, x, x, DIM, HEADS, self.weight, self.bias, None, None, False, 0.0,
            self.out.weight, self.out.bias, training=self.training,
            key_padding_mask=~graph["mask"], need_weights=False,
        )  # fmt: skip
        return out.transpose(0, 1)


class LeftPadded(nn.Module):
    """MultiheadAttention on sequences padded on the left."""

    def __init__(self):
        super().__init__()
        self.mha = nn.MultiheadAttention(DIM, HEADS, batch_first=True)

    def forward(self, h, graph):
        return self.mha(h, h, h, key_padding_mask=~graph["mask"], need_weights=False)[0]


def multihead(path, parameters):
    """Return what works out a net of one block of MultiheadAttention."""

    def work(m, graph):
        x, pairs = nodes_of(graph)
        source, target = pairs
        weight, bias, out_proj = parameters(m.get_submodule(path))
        h = m.enc(x)
        q, k, v = (per_head(part) for part in (h @ weight.t() + bias).split(DIM, dim=-1))
        raw = (q[target] * k[source]).sum(-1) / math.sqrt(D)
        out, sites = biased(path, pairs, raw, None, v[source], len(x), formed=False)
        return m.read(h + out_proj(out), graph["graphs"].batch), sites

    return work


CASES = [
    Case("scaled_dot_product_attention with a mask", lambda: DenseNet(MaskedSDPA()), right_padded,
         without_edges, projected(bias=False)),
    Case("scaled_dot_product_attention with a bias", lambda: DenseNet(BiasedSDPA()), right_padded,
         without_edges, projected(bias=True, scale=0.25)),
    Case("flex_attention", lambda: DenseNet(Flex()), right_padded, without_edges,
         projected(bias=True)),
    Case("multi_head_attention_forward", lambda: DenseNet(FunctionalForm()), right_padded,
         without_edges, multihead("layers.0", lambda a: (a.weight, a.bias, a.out))),
    Case("MultiheadAttention, padded on the left", lambda: DenseNet(LeftPadded()), left_padded,
         without_edges,
         multihead("layers.0.mha", lambda a: (a.in_proj_weight, a.in_proj_bias, a.out_proj))),
]  # fmt: skip
