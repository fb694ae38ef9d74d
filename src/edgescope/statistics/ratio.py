"""The within-edge ratio: each activation over the median of its edge."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class EdgeRatios(NamedTuple):
    """Activations of one site relative to the median of their edge; ``F = H * D``."""

    magnitude: Tensor
    """Absolute activations ``[E, F]``, float32."""
    ratio: Tensor
    """Magnitude over the median of its edge ``[E, F]``; meaningless where not ``defined``."""
    top_magnitude: Tensor
    """Largest magnitude of every edge ``[E]``; not finite where not ``finite``."""
    top_ratio: Tensor
    """Largest ratio of every edge ``[E]``; meaningless where not ``defined``."""
    finite: Tensor
    """Edges whose activations are all finite ``[E]``, bool."""
    defined: Tensor
    """Finite edges whose median is not zero ``[E]``, bool."""


def edge_ratios(values: Tensor) -> EdgeRatios:
    """Divide the magnitude of every activation by the median magnitude of its edge.

    The median is taken over all heads and channels of the edge, and of an even number of values
    it is the lower of the two in the middle, as in the published detection
    (arXiv 2409.03463, section 3; ``torch.median`` in its code).

    Args:
        values: activations ``[E, H, D]`` of any floating type; computed in float32.

    Returns:
        The ratios, and for which edges they are defined. An edge with a NaN or an infinity has
        ``finite`` false, and an edge with median 0 has ``defined`` false.
    """
    magnitude = values.detach().to(torch.float32).flatten(1).abs()
    if not magnitude.size(0):
        per_edge = magnitude.new_zeros(0)
        nothing = per_edge.bool()
        return EdgeRatios(magnitude, magnitude, per_edge, per_edge, nothing, nothing)
    median = _lower_median(magnitude)
    # A NaN or infinity anywhere in an edge shows in its maximum.
    top = magnitude.amax(dim=1)
    finite = top.isfinite()
    defined = finite & (median > 0)
    return EdgeRatios(
        magnitude, magnitude / median.unsqueeze(1), top, top / median, finite, defined
    )


def _lower_median(magnitude: Tensor) -> Tensor:
    """Return the lower median of each row ``[E]``.

    On the CPU numpy's selection is several times faster than torch's; it is the same number.
    """
    if magnitude.device.type != "cpu":
        return magnitude.median(dim=1).values
    middle = (magnitude.size(1) - 1) // 2
    return torch.from_numpy(np.partition(magnitude.numpy(), middle, axis=1)[:, middle])
