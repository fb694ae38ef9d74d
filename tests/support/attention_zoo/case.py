"""What a model of this zoo is, and what was worked out of its attention without running it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

DISCOVERED = "discovered"
"""Attention with a value for every edge or pair."""
NO_VALUE = "no value per edge"
"""Attention whose weights are never formed."""
NO_ATTENTION = "no attention"
"""Edge-sized tensors that must not be called weights or logits."""


@dataclass(frozen=True)
class Expected:
    """What one module computes for every edge, by another computation, in float64."""

    path: str
    """Path of the smallest module in which attention gathers, normalises and aggregates."""
    stage: str
    """What the values are.

    ``"score"``: its channels sum to a logit, but for a scale, a slope, a limit or what is added.
    ``"logit"``: what is exponentiated, before its maximum is subtracted. ``"weight"``: normalised
    over the edges of a node. ``"gate"``: a factor of messages that is not. ``"message"``: what is
    aggregated."""
    values: Tensor
    """``[E, H, D]``; D is 1 where there is a number per head."""
    edge_index: Tensor
    """``[2, E]``: the node attended to, and the node that attends, numbered over the batch.

    Of dense attention these are the pairs of nodes that neither padding nor mask takes away, once
    each, in any order; what is formed may have more rows, of weight 0."""
    input_edge: Tensor | None = None
    """``[E]``: position in the batch's ``edge_index``, whose ends may be turned; -1 for what a
    model adds; ``None`` if the model's rows are not those of the batch's edges."""
    part: str = ""
    """Which of several of the same stage in one module: ``"unbiased"`` are logits before a bias
    was added; others are described where they are made."""
    formed: bool = True
    """Whether one tensor of the model holds the values, for some rows more perhaps."""
    sums_to_one: bool = True
    """Of a weight: whether it does, over the rows of each target."""
    over: int = 1
    """Row of ``edge_index`` over which a weight sums to one."""


Worked = tuple[Tensor | None, list[Expected]]
"""The model's output, if it was worked out, and what is expected of its attention."""


@dataclass(frozen=True)
class Case:
    """A model in somebody's style, with a batch."""

    name: str
    build: Callable[[], nn.Module]
    batch: Callable[[], Any]
    call: Callable[[nn.Module, Any], Any]
    """How the user runs it."""
    reference: Callable[[nn.Module, Any], Worked]
    """Works all out, from a model and a batch in float64."""
    verdict: str = DISCOVERED
    reason: str = ""
    """Why there is no value per edge."""
    notes: str = ""
    """What is odd about it."""
    numbers: Callable[[str, Any], Tensor | None] = lambda _path, _batch: None
    """Returns for the attention at a path the number here of what it gives each number of nodes, if
    these are others; -1 for padding."""

    def model(self) -> nn.Module:
        """Return the model with the same parameters every time, in evaluation."""
        with torch.random.fork_rng():
            torch.manual_seed(len(self.name))
            return self.build().eval()

    def worked(self, model: nn.Module, batch: Any) -> Worked:
        """Work out the output and the values of attention in float64."""
        with torch.no_grad():
            output, expected = self.reference(deepcopy(model).double(), in_float64(batch))
        return output, expected

    def expected(self, model: nn.Module, batch: Any) -> list[Expected]:
        """Work out the values of attention in float64."""
        return self.worked(model, batch)[1]


def in_float64(batch: Any) -> Any:
    """Return a copy of a batch with its floating-point numbers in float64."""
    if isinstance(batch, dict):
        return {key: in_float64(value) for key, value in batch.items()}
    if isinstance(batch, Data):
        return batch.clone().apply(in_float64)
    if isinstance(batch, Tensor):
        return batch.double() if batch.is_floating_point() else batch.clone()
    return batch
