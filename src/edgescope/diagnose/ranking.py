"""How different nodes rank the same neighbours."""

from typing import NamedTuple

import torch
from torch import Tensor

MOST_PAIRS = 20_000
"""Pairs of neighbours of a node that are looked at in one call of a layer, at most, so that rules
stay cheaper than the model on graphs with hubs. Beyond, a random subset of the sources is taken."""

NEAR = 1e-5
"""Logits of a node that differ by less, relative to the largest, are ranked neither way."""


class Ranking(NamedTuple):
    """How the targets of a graph rank pairs of sources that they share."""

    comparable: Tensor
    """Pairs of sources that two targets or more rank, by head ``[H]``."""
    reordered: Tensor
    """Of these, pairs that two targets rank in opposite order ``[H]``."""
    choosing: int
    """Targets with two sources or more, themselves left out."""
    sharing: int
    """Of these, targets that share two sources with another target."""


def compare_rankings(edge_index: Tensor, logit: Tensor, seed: int = 0) -> Ranking:
    """Compare the order of logits between targets that share sources.

    Self-loops are left out: that a node ranks itself apart is no different taste for others.

    Args:
        edge_index: source and target of every edge ``[2, E]``.
        logit: logits or weights ``[E, H]``; only their order within a target counts.
        seed: decides which sources are looked at if there are too many pairs.
    """
    heads = logit.size(1)
    near = NEAR * (logit.abs().amax(0) if len(logit) else logit.new_zeros(heads))
    others = edge_index[0] != edge_index[1]
    source, target, logit = edge_index[0, others], edge_index[1, others], logit[others]
    if not len(source):
        return _nothing(heads)
    kept = _thinned(source, target, seed)
    source, target, logit = source[kept], target[kept], logit[kept]
    order = torch.argsort(source, stable=True)
    order = order[torch.argsort(target[order], stable=True)]
    source, target, logit = source[order], target[order], logit[order]
    first, second = _wedges(target)
    different = source[first] != source[second]  # parallel edges are one source
    first, second = first[different], second[different]
    if not len(first):
        return _nothing(heads)
    key = source[first] * (int(edge_index.max()) + 1) + source[second]
    group = torch.unique(key, return_inverse=True)[1]
    size = int(group.max()) + 1
    # Parallel edges make several pairs of one target.
    nodes = int(target.max()) + 1
    once = torch.unique(group * nodes + target[first])
    shared = torch.bincount(once // nodes, minlength=size) > 1
    choosing, sharing = (
        len(torch.unique(each % nodes)) for each in (once, once[shared[once // nodes]])
    )
    counted = shared[group]
    difference = (logit[second] - logit[first])[counted]
    up, down = (
        torch.zeros(size, heads, device=logit.device).index_add_(0, group[counted], mask.float())
        for mask in (difference > near, difference < -near)
    )
    comparable = up + down > 1
    reordered = comparable & (up > 0) & (down > 0)
    return Ranking(comparable.sum(0), reordered.sum(0), choosing, sharing)


def _nothing(heads: int) -> Ranking:
    none = torch.zeros(heads, dtype=torch.int64)
    return Ranking(none, none, 0, 0)


def _thinned(source: Tensor, target: Tensor, seed: int) -> Tensor:
    """Return which edges to keep ``[E]``, so that about :data:`MOST_PAIRS` pairs are left."""
    degree = torch.bincount(target).double()
    pairs = float((degree * (degree - 1) / 2).sum())
    if pairs <= MOST_PAIRS:
        return torch.ones_like(source, dtype=torch.bool)
    # A source is kept for all targets, so that those who share it still do.
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(int(source.max()) + 1, generator=generator)
    kept: Tensor = drawn < (MOST_PAIRS / pairs) ** 0.5
    return kept.to(source.device)[source]


def _wedges(target: Tensor) -> tuple[Tensor, Tensor]:
    """Return both positions of all pairs of edges into the same node; ``target`` is sorted."""
    end = torch.searchsorted(target, target, right=True)
    place = torch.arange(len(target), device=target.device)
    later = end - place - 1
    first = torch.repeat_interleave(place, later)
    step = torch.arange(len(first), device=target.device) - (later.cumsum(0) - later)[first]
    return first, first + 1 + step
