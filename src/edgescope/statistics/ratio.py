"""The within-edge ratio: each activation over the median of its edge."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class EdgeTops(NamedTuple):
    """What is known of every edge of a site without looking at its channels again."""

    median: Tensor
    """Lower median of the magnitudes of every edge ``[E]``; meaningless where not ``finite``."""
    top_magnitude: Tensor
    """Largest magnitude of every edge ``[E]``; 0 where not ``finite``."""
    top_ratio: Tensor
    """Largest ratio of every edge ``[E]``; 0 where not ``defined``."""
    finite: Tensor
    """Edges whose activations are all finite ``[E]``, bool."""
    defined: Tensor
    """Finite edges whose median is not zero ``[E]``, bool."""


class EdgeRatios(NamedTuple):
    """Activations of one site relative to the median of their edge; ``F = H * D``.

    Example:
        >>> import torch
        >>> from edgescope.statistics import edge_ratios
        >>> found = edge_ratios(torch.tensor([[[1.0, -2.0, 8.0]]]))
        >>> found.magnitude.tolist(), found.ratio.tolist()
        ([[1.0, 2.0, 8.0]], [[0.5, 1.0, 4.0]])
    """

    magnitude: Tensor
    """Absolute activations ``[E, F]``, float32."""
    ratio: Tensor
    """Magnitude over the median of its edge ``[E, F]``; meaningless where not ``defined``."""
    tops: EdgeTops
    """Medians and maxima of the edges."""

    @property
    def top_magnitude(self) -> Tensor:
        """Largest magnitude of every edge ``[E]``; 0 where not ``finite``."""
        return self.tops.top_magnitude

    @property
    def top_ratio(self) -> Tensor:
        """Largest ratio of every edge ``[E]``; 0 where not ``defined``."""
        return self.tops.top_ratio

    @property
    def finite(self) -> Tensor:
        """Edges whose activations are all finite ``[E]``, bool."""
        return self.tops.finite

    @property
    def defined(self) -> Tensor:
        """Finite edges whose median is not zero ``[E]``, bool."""
        return self.tops.defined


def edge_ratios(values: Tensor) -> EdgeRatios:
    """Divide the magnitude of every activation by the median magnitude of its edge.

    The median is taken over all heads and channels of the edge, and of an even number of values
    it is the lower of the two in the middle, as in the published detection
    (arXiv 2409.03463, section 3; ``torch.median`` in its code).

    Args:
        values: activations ``[E, H, D]`` of any floating type; computed in float32.

    Returns:
        The ratios, and for which edges they are defined. An edge with a NaN or an infinity has
        ``finite`` false, and an edge with median 0 has ``defined`` false. A ratio beyond the
        largest float32 is infinite: 1e38 over a denormal median.

    Example:
        >>> import torch
        >>> from edgescope.statistics import edge_ratios
        >>> edge_ratios(torch.tensor([[[1.0, 2.0, 500.0]]])).ratio.tolist()  # the median is 2
        [[0.5, 1.0, 250.0]]
    """
    magnitude = magnitudes(values)
    tops = edge_tops(magnitude)
    if not magnitude.size(0):
        return EdgeRatios(magnitude, magnitude, tops)
    return EdgeRatios(magnitude, magnitude / tops.median.unsqueeze(1), tops)


def edge_tops(magnitude: Tensor) -> EdgeTops:
    """Return the medians and maxima of every edge, from its magnitudes ``[E, F]``, float32.

    They are those of :func:`edge_ratios`.
    """
    if not magnitude.size(0):
        per_edge = magnitude.new_zeros(0)
        nothing = per_edge.bool()
        return EdgeTops(per_edge, per_edge, per_edge, nothing, nothing)
    median = _lower_median(magnitude)
    # A NaN or infinity anywhere in an edge shows in its maximum.
    top = magnitude.amax(dim=1)
    finite = top.isfinite()
    defined = finite & (median > 0)
    return EdgeTops(median, top.where(finite, 0), (top / median).where(defined, 0), finite, defined)


def magnitudes(values: Tensor) -> Tensor:
    """Return the magnitude of every activation ``[E, H, D]`` as float32 ``[E, F]``."""
    return values.detach().to(torch.float32).flatten(1).abs()


def _lower_median(magnitude: Tensor) -> Tensor:
    """Return the lower median of each row ``[E]``.

    On the CPU numpy's selection is several times faster than torch's, and of integers, which bit
    patterns of magnitudes are ordered as, twice as fast as of floats; it is the same number.
    """
    if magnitude.device.type != "cpu":
        return magnitude.median(dim=1).values
    middle = (magnitude.size(1) - 1) // 2
    patterns = magnitude.numpy().view(np.int32)
    median = np.partition(patterns, middle, axis=1)[:, middle].copy()  # not to hold the others
    return torch.from_numpy(median.view(np.float32))
