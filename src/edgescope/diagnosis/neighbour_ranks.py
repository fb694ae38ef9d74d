"""How different nodes rank the same neighbours."""

from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.diagnosis.neighbour_sums import largest_by

MOST_PAIRS = 20_000
"""Pairs of neighbours of a node that are looked at in one call of a layer, at most, so that rules
stay cheaper than the model on graphs with hubs. Beyond, a random subset of the sources is taken."""

NEAR = 1e-5
"""Logits of a node that differ by less, relative to the largest, are ranked neither way."""

ROUNDING = 8
"""Units of rounding that the same may come to in narrow numbers: a logit is a sum over channels,
and in float16 1e-5 is a hundredth of one unit."""


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


def compare_rankings(source: Tensor, target: Tensor, logit: Tensor, seed: int = 0) -> Ranking:
    """Compare the order of logits between targets that share sources.

    Of several edges between the same two nodes the one with the largest logit counts, so that a
    target ranks a pair of sources once, whatever the number of edges.

    Args:
        source: the node that every edge leads to, which is ranked ``[E]``. Leave self-loops out:
            that a node ranks itself apart is no different taste for others.
        target: the node that ranks ``[E]``.
        logit: logits or weights ``[E, H]``; only their order within a target counts.
        seed: decides which sources are looked at if there are too many pairs.
    """
    heads = logit.size(1)
    if not len(source):
        return _nothing(heads)
    near = max(NEAR, ROUNDING * torch.finfo(logit.dtype).eps) * logit.abs().amax(0)
    size = int(source.max()) + 1
    edge, of_row = torch.unique(target * size + source, return_inverse=True)
    logit, source, target = largest_by(logit, of_row, len(edge)), edge % size, edge // size
    kept = _thinned(source, target, seed)
    source, target, logit = source[kept], target[kept], logit[kept]
    first, second = _wedges(target)
    if not len(first):
        return _nothing(heads)
    group = torch.unique(source[first] * size + source[second], return_inverse=True)[1]
    pairs = int(group.max()) + 1
    shared = (torch.bincount(group) > 1)[group]
    choosing, sharing = (len(torch.unique(target[each])) for each in (first, first[shared]))
    difference = (logit[second] - logit[first])[shared]
    up, down = (
        torch.zeros(pairs, heads, device=logit.device).index_add_(0, group[shared], mask.float())
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
