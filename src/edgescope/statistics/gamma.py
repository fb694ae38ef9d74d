r"""The gamma law that the published detection fits to its ratios.

With :math:`y = -\log_{10}(r + 2.2 \cdot 10^{-16})` (METHOD of arXiv 2409.03463, section 3), a
gamma distribution with free location is fitted to :math:`y` by maximum likelihood, and the
Kolmogorov-Smirnov distance of :math:`y` to its own fit is reported. That distance describes how
far the bulk is from a gamma law; it is not a test, since the law was fitted to the same data,
and it cannot see rare events.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgescope.statistics.sketch import SiteSketch

EPSILON = 2.220446049250313e-16
"""Added to the ratio before the logarithm, as published (numpy's float64 epsilon)."""

_NEWTON_STEPS = 60
_GRID = np.concatenate([np.geomspace(1e-6, 1e-2, 9), np.geomspace(2e-2, 200.0, 41)])
"""Distances from the smallest observation to the location, in standard deviations, at which the
likelihood is tried before it is maximised around the best."""


@dataclass(frozen=True)
class GammaFit:
    """A gamma law with free location, fitted to -log10 of the ratio.

    Attributes:
        shape: shape parameter; NaN if the fit failed.
        loc: location, in decades.
        scale: scale, in decades.
        ks: Kolmogorov-Smirnov distance between the data and the fitted law, from 0 to 1.
        count: number of ratios.
        problem: why there is no fit; empty if there is one.
    """

    shape: float
    loc: float
    scale: float
    ks: float
    count: int
    problem: str = ""

    def density(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the fitted density at ``y`` per decade."""
        from scipy.stats import gamma

        values: NDArray[np.float64] = gamma.pdf(y, self.shape, self.loc, self.scale)
        return values


def fit_gamma(sketch: SiteSketch) -> GammaFit:
    """Fit the law to the ratios of a site, from its histogram.

    For a given location, the shape solves ``log a - digamma(a) = log mean - mean log`` and the
    scale is ``mean / a``, so only the location is searched: over a grid, then around the best
    point (Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 1, section 17.7).

    Returns:
        The fit. If the likelihood has no maximum, because it grows without bound as the location
        nears the smallest observation or recedes from it, the parameters are NaN and
        ``problem`` says which.
    """
    counts = sketch.counts["ratio"].numpy()
    filled = np.flatnonzero(counts)
    total = int(counts.sum())
    if len(filled) < 3:  # noqa: PLR2004  (three parameters need three distinct values)
        return _failed(total, f"{len(filled)} distinct ratios are too few for three parameters")
    bins = sketch.layout.ratio
    # The location must lie below every observation, so the largest ratio enters exactly: one of
    # the last bin's values is it, and the others are not larger.
    largest = float(sketch.maxima[0].max())
    ratio = np.append(np.minimum(bins.centres[filled], largest), largest)
    weight = np.append(counts[filled], 1.0) / total
    weight[-2] -= 1 / total
    y = -np.log10(ratio + EPSILON)
    low, spread = y.min(), np.sqrt(np.cov(y, aweights=weight, ddof=0))
    losses = [_profile(low - distance * spread, y, weight)[0] for distance in _GRID]
    best = int(np.argmin(losses))
    if best == 0:
        return _failed(total, "the likelihood grows without bound at the smallest observation")
    if best == len(_GRID) - 1:
        return _failed(total, "the likelihood has no maximum: the data are not skewed to the right")
    loc = _refine(low, spread, best, y, weight)
    _, shape, scale = _profile(loc, y, weight)
    ks = _distance(counts / total, bins.edges, shape, loc, scale)
    return GammaFit(shape, loc, scale, ks, total)


def _failed(total: int, problem: str) -> GammaFit:
    nan = float("nan")
    return GammaFit(nan, nan, nan, nan, total, problem)


def _profile(
    loc: float, y: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return the negative mean log-likelihood at ``loc``, with its best shape and scale."""
    from scipy.special import digamma, gammaln, polygamma

    distance = y - loc
    mean = float(weight @ distance)
    mean_log = float(weight @ np.log(distance))
    gap = np.log(mean) - mean_log
    # Start from the approximation of Minka (2002); Newton on 1/a converges from there.
    a = (3 - gap + np.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    for _ in range(_NEWTON_STEPS):
        step = (np.log(a) - digamma(a) - gap) / (a * a * (1 / a - polygamma(1, a)))
        previous, a = a, 1 / (1 / a + step)
        if abs(a - previous) <= 1e-12 * previous:
            break
    scale = mean / a
    loss = a + gammaln(a) + a * np.log(scale) - (a - 1) * mean_log
    return float(loss), float(a), float(scale)


def _refine(
    low: float, spread: float, best: int, y: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """Maximise the likelihood over the location between the neighbours of the best grid point."""
    from scipy.optimize import minimize_scalar

    bounds = (np.log(_GRID[best - 1]), np.log(_GRID[best + 1]))
    found = minimize_scalar(
        lambda log_distance: _profile(low - np.exp(log_distance) * spread, y, weight)[0],
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(low - np.exp(found.x) * spread)


def _distance(
    share: NDArray[np.float64],
    edges: NDArray[np.float64],
    shape: float,
    loc: float,
    scale: float,
) -> float:
    """Return the largest difference of the distribution functions, at the edges of the bins."""
    from scipy.stats import gamma

    # y falls as the ratio grows: values above a ratio's edge are those below it in y.
    inner = -np.log10(edges[1:-1] + EPSILON)
    below = 1 - share.cumsum()[:-1]
    return float(np.abs(below - gamma.cdf(inner, shape, loc, scale)).max())
