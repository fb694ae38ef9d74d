r"""What bounds edge attention, or drains or closes it, besides the published clamp.

An edge's weight is :math:`a_{ij} = \exp(f(\ell_{ij}))`, with :math:`\ell_{ij}` its logit, and

- :math:`f(\ell) = \mathrm{clamp}(\ell, -5, 5)` with ``logit_limit=5``, the published code. Beyond
  the limit an edge gets no gradient, and all edges beyond it get equal weights;
- :math:`f(\ell) = c \tanh(\ell / c)` with ``logit_cap=c``, the soft cap of Gemma 2 (Gemma Team,
  arXiv 2408.00118, section 2), which has a gradient everywhere;
- :math:`f(\ell) = \ell` without either.

Queries and keys can be normalised per head before they are multiplied (``qk_norm``; Henry et al.,
arXiv 2010.04245; Dehghani et al., arXiv 2302.05442, with layer norm; here root mean square
normalisation without a mean, Zhang and Sennrich, arXiv 1910.07467, with one learnt gain per channel
``[D]``, shared by the heads). With gains of one the logit is then at most
:math:`\sqrt{D} \max_d |W e_{ij}|_d`: it is bounded by the edge's projection, which stays free.

A sink (``sink``) is one more term in the denominator, :math:`\sum_j a_{ij} + \exp(z)`, with a
learnt :math:`z` per head that starts at 0, as gpt-oss has it (OpenAI, arXiv 2508.10925) after the
sink tokens of Xiao et al. (arXiv 2309.17453). With ``sink="fixed"`` it stays at 0, a term of 1:
the "softmax one" of E. Miller (Attention Is Off By One, 2023). A node can then attend to nothing
instead of to an edge that says little. It is not bounded by the limit or the cap.

A gate (``gated_output``) is another way to nothing. What a node :math:`i` has attended to is
multiplied channel by channel, before the output projection,

.. math:: h_i' = \sigma(G h_i + b) \odot \frac{\sum_j a_{ij} V h_j}{\sum_j a_{ij} + 10^{-6}}

with :math:`G \in R^{F \times F}` learnt, so that every head and channel has a gate of its own,
which the attending node decides: the elementwise form of Qiu et al. (arXiv 2505.06708); for graph
transformers see arXiv 2604.17324. :math:`G` and :math:`b` start at 0 and all gates at 1/2, so that
no channel is closed before anything is learnt, and no random number is drawn for them.

``mean_attention`` is the control without attention: all logits are 0, so that a node gets the mean
of its neighbours' values. The scores are computed as ever, and in GraphTransformer the edge states
take them up, but they reach no prediction and get no gradient.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAX_LOGIT_LIMIT = 50.0
"""Largest limit of a clamp: exp(50) is 5e21, and float32 ends at 3e38, which sums must not reach.
Without a clamp, or with a cap, the largest logit is subtracted first, and nothing can overflow."""

QK_NORM_EPS = 1e-6
"""Added to the mean square of a query or key, so that zeros stay zeros (as in Gemma and LLaMA)."""


Sink = bool | Literal["fixed"]
"""Whether there is a sink: none, a learnt one, or one whose term stays at 1."""


class Bounding(TypedDict, total=False):
    """Options of attention; see :class:`~edgescope.models.EdgeAttention`."""

    logit_limit: float | None
    logit_cap: float | None
    qk_norm: bool
    sink: Sink
    mean_attention: bool
    gated_output: bool


def bounding_of(config: Mapping[str, Any]) -> Bounding:
    """Return the options from the arguments of a model."""
    return Bounding(
        logit_limit=config["logit_limit"],
        logit_cap=config["logit_cap"],
        qk_norm=config["qk_norm"],
        sink=config["sink"],
        mean_attention=config["mean_attention"],
        gated_output=config["gated_output"],
    )


def check_bounds(logit_limit: float | None, logit_cap: float | None) -> None:
    """Refuse a limit and a cap together, and numbers that bound nothing.

    Raises:
        ValueError: in all these cases.
    """
    if logit_limit is not None and logit_cap is not None:
        raise ValueError(
            f"received logit_limit={logit_limit} and logit_cap={logit_cap}, expected one of them "
            "or none; with a cap set logit_limit=None"
        )
    if logit_limit is not None and not 0 < logit_limit <= MAX_LOGIT_LIMIT:
        raise ValueError(
            f"logit_limit must be above 0 and at most {MAX_LOGIT_LIMIT:g}, or None for no clamp, "
            f"received {logit_limit}"
        )
    if logit_cap is not None and not 0 < logit_cap < float("inf"):
        raise ValueError(f"logit_cap must be a finite number above 0, received {logit_cap}")


def check_sink(sink: Sink) -> None:
    """Refuse an unknown sink.

    Raises:
        ValueError: if it is one.
    """
    if not isinstance(sink, bool) and sink != "fixed":
        raise ValueError(f"sink must be False, True (learnt) or 'fixed', received {sink!r}")


class AttentionSink(nn.Module):
    """The logit ``z`` of every head that stands for attending to nothing.

    A module, so that what it gives can be observed.

    Args:
        num_heads: number of heads ``H``.
        learnt: whether ``z`` is learnt; else it stays at 0 and is no part of a checkpoint.
    """

    logit: Tensor

    def __init__(self, num_heads: int, learnt: bool = True) -> None:
        super().__init__()
        if learnt:
            self.logit = nn.Parameter(torch.empty(num_heads))
        else:
            self.register_buffer("logit", torch.empty(num_heads), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all logits to 0, a term of 1."""
        nn.init.zeros_(self.logit)

    def forward(self, largest: Tensor | None = None) -> Tensor:
        """Return ``exp(z)`` ``[H]``, or ``exp(z - largest)`` ``[V, H]``."""
        return (self.logit if largest is None else self.logit - largest).exp()


class OutputGate(nn.Module):
    """The gates ``sigmoid(G h + b)`` of a node's attended values, one for every channel.

    A module, so that what it gives can be observed.

    Args:
        hidden_dim: width ``F`` of node states and of the attended values.
    """

    def __init__(self, hidden_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(hidden_dim, hidden_dim))
        self.bias = nn.Parameter(torch.empty(hidden_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all parameters to 0, and so all gates to 1/2."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, node: Tensor) -> Tensor:
        """Return the gates ``[V, F]``, from 0 to 1, of node states ``[V, F]``."""
        return F.linear(node, self.weight, self.bias).sigmoid()


def largest_logit(
    logit: Tensor, target: Tensor, num_nodes: int, factor: Tensor | None, sink: Tensor | None
) -> Tensor:
    """Return what is subtracted from the logits of every node's edges, so that none overflows.

    It cancels in the weights after normalisation, so it gets no gradient.

    Args:
        logit: logits ``[E, H]``, after a cap if there is one.
        target: target of every edge ``[E]``.
        num_nodes: number of nodes ``V``.
        factor: what the weights are multiplied by ``[E, 1]``; edges with 0 do not count.
        sink: logits of a sink ``[H]``.

    Returns:
        The largest logit of every node ``[V, H]``; 0 where there is none.
    """
    logit = logit.detach()
    if factor is not None:
        logit = logit.masked_fill(factor == 0, -torch.inf)
    start = logit.new_full((num_nodes, logit.size(1)), -torch.inf)
    largest = start.scatter_reduce(0, target.unsqueeze(1).expand_as(logit), logit, "amax")
    if sink is not None:
        largest = largest.maximum(sink.detach())
    return largest.masked_fill(largest == -torch.inf, 0.0)
