r"""When attention provably does not depend on the node that attends: the exact certificate.

A logit of GATConv is :math:`\mathrm{LeakyReLU}(t_i + s_j + e_{ij})`, with :math:`t_i` from the
node's own state, :math:`s_j` from its neighbour's and :math:`e_{ij}` from the edge's. If all logits
of a node lie on one side of zero, LeakyReLU is the same linear function for all of them,
:math:`t_i` is a constant of the softmax and cancels. The node's attention then depends on its
neighbours only.

So two twins (nodes with the same incoming edges) get the same output, head by head, if

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

from edgescope.lib.errors import InputError

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
