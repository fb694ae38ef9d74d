r"""Twins, nodes with the same neighbourhood, and when a layer provably gives both one output.

Two nodes are twins for a layer if the edges into them, as the layer saw them, come from the same
source nodes with the same edge features, as often. Only its own state can then tell the layer which
of the two it is working for.

Self-loops count as edges. A layer that adds one to every node, as PyG's ``GATConv`` does by
default, gives every node a source that is itself. Nodes i and k are then twins only if k is among
the sources of i, i among those of k, and all others are shared (with edge features, those of the
loops have to fit too). Without added self-loops, nodes are twins that share all sources, whether or
not there is an edge between them.

A logit of GATConv is :math:`\mathrm{LeakyReLU}(t_i + s_j + e_{ij})`, with :math:`t_i` from the
node's own state, :math:`s_j` from its neighbour's and :math:`e_{ij}` from the edge's. If all logits
of a node lie on one side of zero, LeakyReLU is the same linear function for all of them,
:math:`t_i` is a constant of the softmax and cancels. The node's attention then depends on its
neighbours only.

- all logits of both lie above zero, or all of both below (*linear region*). On different sides they
  do not: the softmax of one is taken of the logits, that of the other of ``negative_slope`` times
  the logits. Or if
- in both, all logits of the node are equal, so that its output is a plain mean (*uniform
  attention*), whatever the sides.

Uniform attention is a special case of attention that does not depend on the node, in most settings
a rare one. The certificate is sufficient, and up to coincidences between numbers also necessary: it
says nothing about twins that have the same :math:`t_i`.

The argument needs nothing of GATConv but the LeakyReLU of a sum. It holds for each channel of
GATv2Conv as well, whose logit is a sum of LeakyReLUs: if it holds for all channels of a head, that
head's attention does not depend on the node.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.diagnosis.neighbour_sums import scaled
from edgescope.lib.errors import InputError


def find_twins(
    ends: Tensor,
    num_targets: int,
    edge_attr: Tensor | None = None,
    *,
    choices: int = 2,
) -> Tensor:
    """Return pairs of nodes that have the same incoming edges.

    Twins come in groups, in which each is a twin of all others. A group of n gives n - 1 pairs,
    each of its nodes with the next, so that the number of pairs is below that of the nodes.

    Neighbourhoods are compared by a hash of their edges, a sum that does not depend on their order;
    pairs of the same hash are then compared edge by edge. The time is that of sorting the edges,
    and less where no two nodes share all sources. Edge features are compared through one random
    projection: equal features give equal numbers, and different ones differ with probability one.

    Args:
        ends: source above target of every edge ``[2, E]``, as the layer saw them: the target is
            the end that attends.
        num_targets: number of nodes that can be targets.
        edge_attr: features of every edge ``[E]`` or ``[E, ...]``, as the layer saw them.
        choices: how many different sources, or edges, a node must have at least. With one, any
            layer that normalises its weights gives twins the same output, as they have no choice.

    Returns:
        Pairs ``[2, P]``, the lower number first.
    """
    source, target = ends
    if edge_attr is None or not edge_attr.numel():
        return _same_sources(source, target, num_targets, choices)
    # Two edges from one source with different features are a choice, so sources are not counted.
    pairs = _same_sources(source, target, num_targets, choices=1)
    if not pairs.numel():
        return pairs
    candidate = torch.zeros(num_targets, dtype=torch.bool, device=target.device)
    candidate[pairs.flatten()] = True
    edges = candidate[target].nonzero().squeeze(1)
    feature = _numbered(edge_attr[edges])
    kind = source[edges] * (int(feature.max()) + 1) + feature
    return _same_sources(kind, target[edges], num_targets, choices)


def _numbered(edge_attr: Tensor) -> Tensor:
    """Number the different rows of ``[E, ...]``; one that is not a number is like no other."""
    rows = scaled(edge_attr.unsqueeze(1) if edge_attr.dim() == 1 else edge_attr.flatten(1))
    along = torch.randn(rows.size(1), generator=torch.Generator().manual_seed(0)).to(rows)
    number: Tensor = torch.unique((rows * along).sum(1), return_inverse=True)[1]
    return number


def _same_sources(kind: Tensor, target: Tensor, num_targets: int, choices: int) -> Tensor:
    """Pair the nodes whose edges are of the same kinds, each with the next ``[2, P]``."""
    degree = torch.bincount(target, minlength=num_targets)
    # Sums of 64-bit integers wrap around, which keeps them equal for equal edges.
    hashed = torch.zeros_like(degree).index_add_(0, target, _mixed(kind))
    nodes = (degree >= max(choices, 1)).nonzero().squeeze(1)
    values, order = torch.sort(hashed[nodes], stable=True)
    same = values[1:] == values[:-1]
    if not same.any():
        return torch.empty(2, 0, dtype=torch.long, device=kind.device)
    nodes = nodes[order]
    pairs = torch.stack([nodes[:-1][same], nodes[1:][same]])
    order = torch.argsort(kind, stable=True)
    order = order[torch.argsort(target[order], stable=True)]
    kind, target = kind[order], target[order]
    first = torch.ones_like(kind, dtype=torch.bool)
    first[1:] = (kind[1:] != kind[:-1]) | (target[1:] != target[:-1])
    different = torch.bincount(target[first], minlength=num_targets)
    kept = (different[pairs[0]] >= choices) & _same_edges(kind, degree, pairs)
    return pairs[:, kept]


def _mixed(kind: Tensor) -> Tensor:
    """Turn integers into random-looking ones (splitmix64, Steele et al., OOPSLA 2014)."""
    z = (kind + 1) * -7046029254386353131
    z = (z ^ ((z >> 30) & (2**34 - 1))) * -4658895280553007687
    z = (z ^ ((z >> 27) & (2**37 - 1))) * -7723592293110705685
    return z ^ ((z >> 31) & (2**33 - 1))


def _same_edges(kind: Tensor, degree: Tensor, pairs: Tensor) -> Tensor:
    """Return for every pair ``[P]`` whether the edges of both are the same, one by one."""
    left, right = pairs
    start = degree.cumsum(0) - degree
    same = degree[left] == degree[right]
    length = torch.where(same, degree[left], 0)
    number = torch.repeat_interleave(torch.arange(len(length), device=kind.device), length)
    step = torch.arange(len(number), device=kind.device) - (length.cumsum(0) - length)[number]
    differs = kind[start[left][number] + step] != kind[start[right][number] + step]
    return same & (torch.bincount(number[differs], minlength=len(length)) == 0)


ROUNDING = 64
"""Logits of a node that differ by this many units of rounding, relative to the largest, are equal:
they are sums over channels, whose rounding errors add up."""


class Certificate(NamedTuple):
    """For every pair of twins and head, why their outputs must be equal, if they must."""

    linear: Tensor
    """All logits of both lie on the same side of zero ``[P, H]``, boolean."""
    uniform: Tensor
    """All logits are equal, in both ``[P, H]``, boolean; may hold in addition."""

    @property
    def holds(self) -> Tensor:
        """Whether the outputs of the head must be equal ``[P, H]``."""
        return self.linear | self.uniform


@dataclass(frozen=True)
class Regions:
    """Where the logits of every node and head lie; ``V`` nodes, ``H`` heads.

    Attributes:
        above: whether LeakyReLU is linear with slope 1 on all of them ``[V, H]``, boolean.
        below: whether it is linear with the negative slope on all of them ``[V, H]``.
        uniform: whether they are all equal ``[V, H]``.
    """

    above: Tensor
    below: Tensor
    uniform: Tensor

    @classmethod
    def from_range(cls, low: Tensor, high: Tensor, negative_slope: float) -> "Regions":
        """Return the regions of nodes whose logits go from ``low`` to ``high``.

        Args:
            low: smallest logit after the LeakyReLU, of any shape; NaN where there is none.
            high: largest, likewise.
            negative_slope: slope of the LeakyReLU below zero.

        Raises:
            InputError: if the slope is negative, with which a logit does not tell its side.
        """
        if negative_slope < 0:
            raise InputError(
                f"received negative_slope={negative_slope}, expected 0 or more; below it the "
                "LeakyReLU is not monotone and there is no certificate"
            )
        finite = low.isfinite() & high.isfinite()
        if negative_slope == 1:
            above = below = finite
        elif negative_slope == 0:
            # A logit of zero may stem from any sum below zero.
            above, below = finite & (low > 0), finite & (high == 0)
        else:
            above, below = finite & (low >= 0), finite & (high <= 0)
        allowed = ROUNDING * torch.finfo(low.dtype).eps * torch.maximum(low.abs(), high.abs())
        return cls(above, below, finite & (high - low <= allowed))

    @property
    def linear(self) -> Tensor:
        """Whether attention does not depend on the node's own state ``[V, H]``."""
        return self.above | self.below

    def certify(self, pairs: Tensor) -> Certificate:
        """Return what holds for pairs of twins ``[2, P]``."""
        left, right = pairs
        above = self.above[left] & self.above[right]
        below = self.below[left] & self.below[right]
        return Certificate(above | below, self.uniform[left] & self.uniform[right])


def regions(logit: Tensor, target: Tensor, num_targets: int, negative_slope: float) -> Regions:
    """Return where the logits of every node and head lie.

    Args:
        logit: what the softmax is taken of ``[E, H]``: after the LeakyReLU, as the site ``:logit``
            of a captured GATConv has it. Its sign is that of the sum before.
        target: node that each logit belongs to ``[E]``.
        num_targets: number of nodes ``V``. A node without edges is in no region.
        negative_slope: slope of the LeakyReLU below zero.

    Raises:
        InputError: if the slope is negative.
    """
    index = target.unsqueeze(1).expand_as(logit)
    empty = logit.new_full((num_targets, logit.size(1)), torch.nan)
    low, high = (
        empty.scatter_reduce(0, index, logit, how, include_self=False) for how in ("amin", "amax")
    )
    return Regions.from_range(low, high, negative_slope)
