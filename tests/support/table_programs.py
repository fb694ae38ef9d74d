"""Random programs of attention over tables of neighbours, in every way to write it.

What a program's weights are is worked out by loops over edges, as for those along edges.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from support.attention_programs import DECOYS, Graph


def order_of(g: Graph) -> Tensor:
    """Return the edges in the order of a table: by target, and as they come."""
    return g.target.argsort(stable=True)


def table_of(g: Graph) -> tuple[Tensor, Tensor, Tensor]:
    """Return a table of sources ``[V, K]``, one of edges, and which places are taken."""
    order = order_of(g)
    source, target = g.source[order], g.target[order]
    degree = torch.bincount(target, minlength=g.nodes)
    place = torch.arange(g.rows) - (degree.cumsum(0) - degree)[target]
    sources = torch.zeros(g.nodes, int(degree.max()), dtype=torch.int64)
    edges = torch.zeros_like(sources)
    sources[target, place], edges[target, place] = source, order
    return sources, edges, torch.arange(sources.size(1)) < degree[:, None]


def by_index(x: Tensor, table: Tensor) -> Tensor:
    return x[table]


def by_select(x: Tensor, table: Tensor) -> Tensor:
    return x.index_select(0, table.reshape(-1)).view(*table.shape, *x.shape[1:])


def by_embedding(x: Tensor, table: Tensor) -> Tensor:
    return F.embedding(table, x.flatten(1)).view(*table.shape, *x.shape[1:])


def places_first(x: Tensor, table: Tensor) -> Tensor:
    return x[table.t()].transpose(0, 1)


def dummy_last(x: Tensor, table: Tensor) -> Tensor:
    return torch.cat([x, x.new_zeros(1, *x.shape[1:])])[table]


GATHERS = {
    each.__name__: each for each in (by_index, by_select, by_embedding, places_first, dummy_last)
}


def softmax(l: Tensor, there: Tensor) -> Tensor:
    return l.masked_fill(~there, -1e9).softmax(1) * there


def forbidden(l: Tensor, there: Tensor) -> Tensor:
    weight = torch.where(there, l, -torch.inf).softmax(1)
    return weight.masked_fill(~there, 0)


def added(l: Tensor, there: Tensor) -> Tensor:
    low = torch.zeros_like(l).masked_fill(~there, -1e10)
    return F.softmax(l + low, dim=1)


def by_hand(l: Tensor, there: Tensor) -> Tensor:
    power = (l - l.amax(1, keepdim=True)).exp() * there
    return power / power.sum(1, keepdim=True).clamp(min=1e-12)


def log_softmax(l: Tensor, there: Tensor) -> Tensor:
    return l.masked_fill(~there, -1e12).log_softmax(1).exp() * there


def logsumexp(l: Tensor, there: Tensor) -> Tensor:
    low = l.masked_fill(~there, -1e12)
    return (low - low.logsumexp(1, keepdim=True)).exp() * there


def heads_first(l: Tensor, there: Tensor) -> Tensor:
    low = l.transpose(1, 2).masked_fill(~there.transpose(1, 2), -1e9)
    return low.softmax(-1).transpose(1, 2)


SOFTMAXES = {
    each.__name__: each
    for each in (softmax, forbidden, added, by_hand, log_softmax, logsumexp, heads_first)
}


def mean(g: Graph) -> Tensor:
    """Return the mean of the neighbours in a table."""
    table, _, there = table_of(g)
    near = g.v[table] * there[..., None, None]
    return near.sum(1) / there.sum(1).clamp(min=1)[:, None, None]


def channels(g: Graph) -> Tensor:
    """Return the sum of neighbours whose channels are shares of each other."""
    table, _, there = table_of(g)
    return (g.v[table].softmax(-1) * there[..., None, None]).sum(1)


def nodes(g: Graph) -> Tensor:
    """Return the sum of neighbours by a softmax over all nodes of what is in a place."""
    table, _, there = table_of(g)
    weight = g.k[table].sum(-1, keepdim=True).softmax(0)
    return (weight * g.v[table] * there[..., None, None]).sum(1)


TABLE_DECOYS = {each.__name__: each for each in (mean, channels, nodes)}


@dataclass
class TableProgram:
    """One way to write attention over tables.

    Attributes:
        gather: how neighbours are gathered.
        share: how logits become shares.
        product: how values are weighed and summed: ``"mul"``, ``"bmm"`` or ``"einsum"``.
        bias: whether something of the edge is added to the logit.
        decoys: what else is computed.
    """

    gather: str
    share: str
    product: str
    bias: bool
    decoys: tuple[str, ...]

    def __call__(self, g: Graph) -> Tensor:
        """Run the program."""
        out = torch.zeros_like(g.v)
        for decoy in self.decoys:
            out = out + (DECOYS | TABLE_DECOYS)[decoy](g)
        table, edges, there = table_of(g)
        if self.gather == "dummy_last":
            table = table.masked_fill(~there, g.nodes)
        k, v = (GATHERS[self.gather](x, table) for x in (g.k, g.v))
        logit = (g.q.unsqueeze(1) * k).sum(-1) / math.sqrt(g.q.size(-1))
        logit = logit + g.edge[edges] if self.bias else logit
        weight = SOFTMAXES[self.share](logit, there.unsqueeze(-1))
        if self.product == "bmm":
            one = weight.transpose(1, 2).reshape(-1, 1, weight.size(1))
            other = v.transpose(1, 2).reshape(one.size(0), weight.size(1), -1)
            return out + torch.bmm(one, other).view_as(out)
        if self.product == "einsum":
            return out + torch.einsum("vkh,vkhd->vhd", weight, v)
        return out + (weight.unsqueeze(-1) * v).sum(1)

    def logits(self, g: Graph) -> Tensor:
        """Work out the logits ``[E, H]`` by a loop over edges, in float64."""
        q, k, edge = (each.double().tolist() for each in (g.q, g.k, g.edge))
        rows = []
        for e, (j, i) in enumerate(zip(g.source.tolist(), g.target.tolist(), strict=True)):
            heads = range(g.q.size(1))
            pairs = [zip(q[i][h], k[j][h], strict=True) for h in heads]
            sums = [sum(a * b for a, b in each) / math.sqrt(g.q.size(-1)) for each in pairs]
            rows.append([sums[h] + (edge[e][h] if self.bias else 0) for h in heads])
        return torch.tensor(rows, dtype=torch.float64).reshape(g.rows, g.q.size(1))

    def weights(self, g: Graph) -> Tensor:
        """Work out the weights ``[E, H]`` by a loop over edges, in float64."""
        logit, target = self.logits(g).tolist(), g.target.tolist()
        rows = [
            [
                math.exp(value)
                / sum(math.exp(logit[f][h]) for f in range(g.rows) if target[f] == target[e])
                for h, value in enumerate(row)
            ]
            for e, row in enumerate(logit)
        ]
        return torch.tensor(rows, dtype=torch.float64).reshape(g.rows, g.q.size(1))


@st.composite
def table_programs(draw: Any) -> TableProgram:
    """Every way to write attention over tables, with up to three decoys before it."""
    decoys = st.sampled_from(sorted(DECOYS | TABLE_DECOYS))
    return TableProgram(
        draw(st.sampled_from(sorted(GATHERS))),
        draw(st.sampled_from(sorted(SOFTMAXES))),
        draw(st.sampled_from(["mul", "bmm", "einsum"])),
        draw(st.booleans()),
        tuple(draw(st.lists(decoys, max_size=3, unique=True))),
    )
