"""Numbers of edges made comparable between the graphs of a batch and between layers."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from edgescope.statistics.ranks import midranks

Scale = Literal["log", "z", "rank"]
"""Of what is measured on the edges of a layer: its logarithm to base 10; the logarithm's distance
from the mean of the graph's edges in standard deviations; or the share of the graph's edges that
have no more."""

SCALES = ("log", "z", "rank")
"""Every :data:`Scale`."""

SMALLEST = 1e-12
"""What a number counts as at least before its logarithm is taken."""


def scaled(values: Tensor, graph: Tensor, graphs: int, scale: Scale) -> Tensor:
    """Return numbers ``[E]``, none of them negative, on a scale.

    Args:
        values: what is measured ``[E]``.
        graph: graph of every edge ``[E]``.
        graphs: number of graphs ``G``.
        scale: see :data:`Scale`.
    """
    if scale == "rank":
        return ranks(values, graph, graphs)
    log = values.double().clamp(min=SMALLEST).log10()
    if scale == "z":
        log = _standardised(log, graph, graphs)
    return log.to(values.dtype)


def ranks(values: Tensor, graph: Tensor, graphs: int) -> Tensor:
    """Return the share of its graph's edges whose value is at most that of an edge ``[E]``.

    In (0, 1]; edges of equal value share the mean of their ranks.

    Args:
        values: what is measured ``[E]``.
        graph: graph of every edge ``[E]``.
        graphs: number of graphs ``G``.
    """
    if not len(values):
        return values.clone()
    of = graph.cpu().numpy()
    rank = midranks(values.detach().double().cpu().numpy(), of)
    # Divided before it is rounded: half precision ends at 65504, and large graphs do not.
    return torch.from_numpy(rank / np.bincount(of, minlength=graphs)[of]).to(values)


def _standardised(values: Tensor, graph: Tensor, graphs: int) -> Tensor:
    """Subtract the graph's mean and divide by its standard deviation; 0 where there is none."""
    count = graph.bincount(minlength=graphs).clamp(min=1).to(values.dtype)
    empty = values.new_zeros(graphs)
    mean = empty.index_add(0, graph, values) / count
    centred = values - mean[graph]
    deviation = (empty.index_add(0, graph, centred.square()) / count).sqrt()[graph]
    # Equal numbers may differ from their mean in the last bit.
    flat = deviation <= 1e-12 * (1 + mean.abs()[graph])
    return (centred / deviation.where(~flat, 1.0)).where(~flat, 0.0)
