r"""The gamma law that the published detection fits to its ratios.

With :math:`y = -\log_{10}(r + 2.2 \cdot 10^{-16})` (arXiv 2409.03463, section 3), a gamma
distribution with free location is fitted to :math:`y` by maximum likelihood, and the
Kolmogorov-Smirnov distance of :math:`y` to its own fit is reported. That distance describes how
far the bulk is from a gamma law; it is not a test, since the law was fitted to the same data,
and it cannot see rare events.

For a given location, the shape solves ``log a - digamma(a) = log mean - mean log`` and the scale
is ``mean / a``, so only the location is searched (Johnson, Kotz and Balakrishnan, Continuous
Univariate Distributions 1, section 17.7).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgescope.statistics.sketch import SiteSketch

Array = NDArray[np.float64]

EPSILON = 2.220446049250313e-16
"""Added to the ratio before the logarithm, as published (numpy's float64 epsilon)."""

_NEWTON_STEPS = 10
"""Newton's method doubles the digits in every step; rounding may keep it from standing still."""
_GRID = np.log(np.concatenate([np.geomspace(1e-6, 1e-2, 9), np.geomspace(2e-2, 200.0, 41)]))
"""Logarithms of the distances from the smallest observation to the location, in standard
deviations, at which the likelihood is tried before it is maximised around the best ones."""

_KNOTS = 16
"""Edges of bins between those at which a law is computed in any case for its distance."""

_WHOLE, _MERGED = 32, 8
"""For the grid, all but the 32 smallest distinct observations are taken together by eights."""


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
        starts: number of locations from which the likelihood was maximised.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> scan = es.scan(model, es.data.loader(graphs))
        >>> fit = scan.gamma("layers.0.conv:score")
        >>> fit.count > 0, fit.problem
        (True, '')
    """

    shape: float
    loc: float
    scale: float
    ks: float
    count: int
    problem: str = ""
    starts: int = 0

    def density(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the fitted density at ``y`` per decade."""
        from scipy.stats import gamma

        values: NDArray[np.float64] = gamma.pdf(y, self.shape, self.loc, self.scale)
        return values


def fit_gamma(sketch: SiteSketch) -> GammaFit:
    """Fit the law to the ratios of a site, from its histogram.

    The likelihood is computed on a grid of locations and maximised around each of its local
    maxima there; the best counts.

    Returns:
        The fit. If the likelihood has no maximum, because it grows without bound as the location
        nears the smallest observation or recedes from it, the parameters are NaN and
        ``problem`` says which.

    Example:
        >>> import edgescope as es
        >>> from edgescope.statistics import fit_gamma
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> scan = es.scan(model, es.data.loader(graphs))
        >>> 0 <= fit_gamma(scan["layers.0.conv:score"]).ks <= 1
        True
    """
    counts = sketch.counts["ratio"].numpy()
    filled = np.flatnonzero(counts > 0)
    total = int(counts[filled].sum())
    if len(filled) < 3:  # noqa: PLR2004  (three parameters need three distinct values)
        return _failed(total, f"{len(filled)} distinct ratios are too few for three parameters")
    data = _observations(sketch, counts, filled, total)
    losses = _profile(data.merged(), _GRID).loss
    best = int(np.argmin(losses))
    if best == 0:
        return _failed(total, "the likelihood grows without bound at the smallest observation")
    if best == len(_GRID) - 1:
        return _failed(total, "the likelihood has no maximum: the data are not skewed to the right")
    inner = losses[1:-1]
    starts = 1 + np.flatnonzero((inner <= losses[:-2]) & (inner < losses[2:]))
    found = np.array([_maximise(data, int(start)) for start in starts])
    found = found[~np.isnan(found)]
    if not len(found):
        return _failed(total, "the likelihood has no maximum between the ends of its grid")
    fits = _profile(data, found)
    chosen = int(np.argmin(fits.loss))
    loc = float(data.location(found[chosen]))
    shape, scale = float(fits.shape[chosen]), float(fits.scale[chosen])

    def law(ratio: Array) -> Array:
        from scipy.special import gammainc

        y = -np.log10(ratio + EPSILON)
        below: Array = gammainc(shape, np.maximum((y - loc) / scale, 0))
        return below

    return GammaFit(shape, loc, scale, distance_to_law(sketch, law), total, "", len(starts))


def _failed(total: int, problem: str) -> GammaFit:
    nan = float("nan")
    return GammaFit(nan, nan, nan, nan, total, problem)


class _Observations(NamedTuple):
    """Distinct observations, smallest first, and how often each occurs."""

    y: Array
    """The observations ``[n]``."""
    weight: Array
    """Share of each ``[n]``."""
    spread: float
    """Their standard deviation."""

    def location(self, log_distance: Array) -> Array:
        """Return the locations at these distances from the smallest observation."""
        locations: Array = self.y[0] - np.exp(log_distance) * self.spread
        return locations

    def merged(self) -> "_Observations":
        """Return fewer observations; those near the smallest, to which it matters, are all kept."""
        y, weight = self.y[_WHOLE:], self.weight[_WHOLE:]
        if not len(y):
            return self
        starts = np.arange(0, len(y), _MERGED)
        together = np.add.reduceat(weight, starts)
        centre = np.add.reduceat(weight * y, starts) / together
        return _Observations(
            np.concatenate([self.y[:_WHOLE], centre]),
            np.concatenate([self.weight[:_WHOLE], together]),
            self.spread,
        )


def _observations(
    sketch: SiteSketch, counts: NDArray[np.int64], filled: NDArray[np.int64], total: int
) -> _Observations:
    """Return -log10 of the ratios, each at the centre of its bin."""
    # The location must lie below every observation, so the largest ratio enters exactly: one of
    # the last bin's values is it, and the others are not larger.
    largest = float(sketch.maxima[0].max())
    ratio = np.append(np.minimum(sketch.layout.ratio.centres[filled], largest), largest)
    weight = np.append(counts[filled], 1.0) / total
    weight[-2] -= 1 / total
    y, weight = -np.log10(ratio + EPSILON)[::-1], weight[::-1]
    mean = weight @ y
    return _Observations(y, weight, float(np.sqrt(weight @ (y - mean) ** 2)))


class _Profile(NamedTuple):
    """The best gamma laws for given locations."""

    loss: Array
    """Negative mean log-likelihood."""
    shape: Array
    scale: Array


def _profile(data: _Observations, log_distance: Array) -> _Profile:
    """Return the best shape and scale for each location ``[n]``."""
    from scipy.special import digamma, gammaln, zeta

    distance = data.y - data.location(log_distance)[:, None]
    mean = distance @ data.weight
    mean_log = np.log(distance) @ data.weight
    gap = np.log(mean) - mean_log
    # Start from the approximation of Minka (2002); Newton on 1/a converges from there.
    a = (3 - gap + np.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    for _ in range(_NEWTON_STEPS):
        trigamma = zeta(2, a)
        step = (np.log(a) - digamma(a) - gap) / (a * a * (1 / a - trigamma))
        previous, a = a, 1 / (1 / a + step)
        if (np.abs(a - previous) <= 1e-12 * previous).all():
            break
    scale = mean / a
    loss = a + gammaln(a) + a * np.log(scale) - (a - 1) * mean_log
    return _Profile(loss, a, scale)


def _maximise(data: _Observations, start: int) -> float:
    """Return the log distance near a point of the grid at which the likelihood is largest.

    NaN if it grows up to an end of the grid: where observations are taken together, it may have a
    maximum that it has not by itself.
    """
    from scipy.optimize import brentq

    def slope(log_distance: float) -> float:
        """Return how the likelihood grows with the location, up to a positive factor."""
        here = np.array([log_distance])
        best = _profile(data, here)
        inverse = data.weight @ (1 / (data.y - data.location(here)))
        return float(1 - best.scale[0] * (best.shape[0] - 1) * inverse)

    # On the grid some observations were taken together, so the maximum may lie just outside.
    low, high = start - 1, start + 1
    while low > 0 and slope(_GRID[low]) > 0:
        low -= 1
    while high < len(_GRID) - 1 and slope(_GRID[high]) < 0:
        high += 1
    if not slope(_GRID[low]) <= 0 <= slope(_GRID[high]):
        return float("nan")
    found: float = brentq(slope, _GRID[low], _GRID[high], xtol=1e-9, rtol=1e-9)
    return found


def distance_to_law(sketch: SiteSketch, law: Callable[[Array], Array]) -> float:
    """Return the largest difference between the shares of ratios above a value.

    It is taken at the edges of the bins, and on either side of the ratio 1: that is the ratio of
    the median of every edge, 1 of ``F`` values, and by far the largest step. The rest of its
    bin is taken as even on a logarithmic scale.

    The law is computed at every 16th edge first, and then only where the distance could be larger
    than the largest found: both shares fall as the ratio grows, so between two edges they cannot
    differ by more than the larger of one at the first and the smaller of the other at the second.

    Args:
        sketch: what was counted at the site; at least one ratio.
        law: gives the share above each of some rising ratios ``[n]``.
    """
    ratio, above = _knots(sketch)
    chosen = np.unique(np.append(np.arange(0, len(ratio), _KNOTS), len(ratio) - 1))
    expected = law(ratio[chosen])
    largest = float(np.abs(above[chosen] - expected).max())
    limit = np.maximum(above[chosen[:-1]] - expected[1:], expected[:-1] - above[chosen[1:]])
    open_blocks = np.flatnonzero(limit > largest)
    if len(open_blocks):
        within = np.concatenate([np.arange(chosen[b] + 1, chosen[b + 1]) for b in open_blocks])
        largest = max(largest, float(np.abs(above[within] - law(ratio[within])).max(initial=0)))
    return largest


def _knots(sketch: SiteSketch) -> tuple[Array, Array]:
    """Return rising ratios ``[n]`` and the share of the ratios above each."""
    counts = sketch.counts["ratio"].numpy()
    is_filled = counts > 0
    is_end = np.zeros(len(counts) + 1, dtype=np.bool_)
    is_end[:-1] = is_filled
    is_end[1:] |= is_filled
    ends = np.flatnonzero(is_end)
    first = ends[0]  # nothing lies below it
    below = np.concatenate([[0], counts[first : ends[-1]].cumsum()])[ends - first]
    total = below[-1]
    above = (total - below) / total
    ratio = sketch.layout.ratio.edges[ends]
    one = int(np.searchsorted(ratio, 1.0))  # the edge at or above 1
    in_bin = counts[ends[one] - 1] if 0 < one < len(ends) else 0
    if not in_bin:
        return ratio, above
    medians = min(int(sketch.defined_edges().sum()), in_bin) / total
    rest = in_bin / total - medians
    low, high = ratio[one - 1], ratio[one]
    over = above[one] + rest * np.log(high) / np.log(high / low)
    return np.insert(ratio, one, [1.0, 1.0]), np.insert(above, one, [over + medians, over])
