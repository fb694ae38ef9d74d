"""The tail of a histogram, beyond the data: peaks over a threshold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHAPES = (-0.5, 1.0)
"""Range of the shape. Below -0.5 maximum likelihood is not regular (Smith, Biometrika 72, 1985);
from 1 on the law has no mean, and Coles and Dixon's penalty excludes it."""

FEWEST_BINS = 3
"""Filled bins that two parameters need at least."""


@dataclass(frozen=True)
class Tail:
    r"""A generalised Pareto law of the relative excess over a threshold.

    With :math:`y = x / u - 1`, :math:`P(Y > y) = (1 + \xi y / \sigma)^{-1 / \xi}` for exceedances
    of :math:`u` (Coles, An Introduction to Statistical Modeling of Extreme Values, 2001, section
    4.2).

    Attributes:
        threshold: the threshold ``u``.
        share: share of all values that exceed it.
        shape: :math:`\xi`; positive for a power law, negative for a bounded tail.
        scale: :math:`\sigma`, relative to the threshold.
        exceedances: how many values exceed the threshold.
        ks: largest difference between the distribution function of the exceedances and that of
            the law, from 0 to 1: a description of the fit, no test, as the law was fitted to the
            same values and edges are not independent.
    """

    threshold: float
    share: float
    shape: float
    scale: float
    exceedances: float
    ks: float

    def survival(self, values: Array) -> Array:
        """Return the share of all values that exceed each of ``values``, none below ``u``."""
        from scipy.stats import genpareto

        excess = np.asarray(values) / self.threshold - 1
        beyond: Array = self.share * genpareto.sf(excess, self.shape, scale=self.scale)
        return beyond


def fit_tail(edges: Array, counts: Array, total: float) -> Tail | None:
    r"""Fit the law to binned exceedances by maximum likelihood.

    Each bin contributes the probability that the law gives it, so that neither the width of the
    bins nor many equal values (edges between the same types of atoms) are taken for a density.
    With few exceedances the likelihood alone may choose an absurdly heavy tail; it is multiplied
    by :math:`\exp(-\xi / (1 - \xi))` for :math:`0 < \xi < 1` (Coles and Dixon, Extremes 2, 1999,
    eq. 5 with :math:`\lambda = \alpha = 1`).

    The excess is that of the value and not of its logarithm. On the largest ratios and magnitudes
    of untrained GAT and GATv2 layers, fits to one edge in forty predicted the quantile at 1e-5 of
    all edges with a smaller error in the logarithm for every number of exceedances from 50 to
    1,000 (0.23 against 0.29 for GAT with 50): a power law in the value is an exponential in the
    logarithm, and the slightest positive shape there runs away.

    Args:
        edges: edges of the bins ``[n + 1]``, from the threshold upwards; the threshold positive.
        counts: exceedances in each bin ``[n]``, not necessarily whole numbers.
        total: number of values of which these are the exceedances.

    Returns:
        The tail, or None if fewer than three bins hold any exceedance.
    """
    from scipy.optimize import minimize
    from scipy.stats import genpareto

    filled = np.flatnonzero(counts)
    if len(filled) < FEWEST_BINS:
        return None
    last = filled[-1] + 1
    excess, weight = edges[: last + 1] / edges[0] - 1, counts[:last]
    held = weight > 0
    number = float(weight.sum())

    def loss(parameters: Array) -> float:
        scale, shape = np.exp(parameters[0]), parameters[1]
        if not SHAPES[0] <= shape < SHAPES[1]:
            return np.inf
        beyond = genpareto.sf(excess, shape, scale=scale)
        probability = (beyond[:-1] - beyond[1:])[held]
        if not (probability > 0).all():
            return np.inf
        penalty = shape / (1 - shape) if shape > 0 else 0.0
        return float(penalty - weight[held] @ np.log(probability))

    mean = float(weight @ (excess[:-1] + excess[1:])) / 2 / number
    start = np.array([[np.log(mean), 0.1], [np.log(mean) + 0.5, 0.1], [np.log(mean), 0.3]])
    found = minimize(
        loss, start[0], method="Nelder-Mead", options={"initial_simplex": start, "xatol": 1e-5}
    )
    scale, shape = float(np.exp(found.x[0])), float(found.x[1])
    above = 1 - weight.cumsum() / number
    ks = np.abs(above - genpareto.sf(excess[1:], shape, scale=scale)).max()
    return Tail(float(edges[0]), number / total, shape, scale, number, float(ks))
