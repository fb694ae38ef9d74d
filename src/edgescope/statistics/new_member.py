"""Where one more member of an untrained ensemble may lie, given some of them."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NODES = 40
"""Nodes of the integral over the uncertainty of a spread; with twice as many, probabilities down to
1e-6 are the same to 0.1 %."""

_LEFT_OUT = 1e-13
"""Probability left out at either end of that integral."""

_NORMAL = 1e-3
"""Skewness below which the normal law is taken: a gamma law of a shape over four million."""


class NewMember:
    r"""Where levels of one more member lie, in spreads of ``M`` others from their mean.

    Around the true mean :math:`\mu`, in units of the true spread :math:`\sigma`, a level follows a
    Pearson III law, :math:`Z`. The mean of ``M`` is uncertain by :math:`\sigma / \sqrt M` and the
    estimated spread by a factor :math:`\sqrt{\chi^2_\nu / \nu}`, so that the distance is
    distributed as :math:`Z \sqrt{1 + 1/M} \sqrt{\nu / \chi^2_\nu}`. Without skewness that is
    Student's t with :math:`\nu` degrees of freedom, the predictive distribution of a normal sample
    (Gelman et al., Bayesian Data Analysis, 3rd edition, section 3.2).

    Args:
        members: how many others, ``M``.
        freedom: degrees of freedom of the spread of each level ``[L]``, :math:`\nu`.
        skewness: skewness of the law of each level ``[L]``.
    """

    def __init__(self, members: int, freedom: Array, skewness: Array) -> None:
        from scipy.stats import chi2

        freedom = np.asarray(freedom, dtype=np.float64)[:, None]
        low, high = chi2.ppf(_LEFT_OUT, freedom), chi2.isf(_LEFT_OUT, freedom)
        nodes = low * (high / low) ** np.linspace(0, 1, NODES)
        weight = chi2.pdf(nodes, freedom) * nodes
        self._weight = weight / weight.sum(axis=1, keepdims=True)
        self._stretch = np.sqrt((1 + 1 / members) * freedom / nodes)
        self._skewness = np.asarray(skewness, dtype=np.float64)[:, None]

    def sf(self, distance: Array) -> Array:
        """Return the probability that each level is farther up than its distance ``[L]``."""
        at = np.asarray(distance, dtype=np.float64)[:, None] / self._stretch
        beyond: Array = (pearson_sf(at, self._skewness) * self._weight).sum(axis=1)
        return beyond


def pearson_sf(distance: Array, skewness: Array) -> Array:
    r"""Return the survival function of the Pearson III law of mean 0 and variance 1.

    With skewness :math:`g` it is that of :math:`(G - a) / \sqrt a`, where :math:`G` is gamma
    distributed with shape :math:`a = 4 / g^2`, mirrored for negative skewness (Johnson, Kotz and
    Balakrishnan, Continuous Univariate Distributions 1, 1994, section 17.2).
    """
    from scipy.special import gammainc, gammaincc, ndtr

    skewness = np.where(np.abs(skewness) < _NORMAL, _NORMAL, skewness)
    shape = 4 / skewness**2
    value = np.maximum(shape + 2 * distance / skewness, 0.0)
    skewed = np.where(skewness > 0, gammaincc(shape, value), gammainc(shape, value))
    beyond: Array = np.where(np.abs(skewness) > _NORMAL, skewed, ndtr(-distance))
    return beyond
