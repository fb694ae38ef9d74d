"""Which law the ratios of a site follow: the published gamma law, or one that fits better.

Every law of :mod:`edgescope.statistics.laws` is fitted by maximum likelihood to the histogram of
all ratios, in which a value stands at the centre of its bin (0.0034 decades wide or less). Their
likelihoods are those of the same numbers and can be compared. They weigh every value the same, so
it is the bulk that decides; a law that fits best says nothing about one value in 10,000.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.lib.errors import InputError
from edgescope.statistics.gamma import EPSILON, fit_gamma
from edgescope.statistics.laws import LAWS, Law
from edgescope.statistics.sketch import SiteSketch

if TYPE_CHECKING:
    from edgescope.scanning.site_scan import ScannedSites

Array = NDArray[np.float64]

_FLAT = 1e-5
"""Slope of the mean log-likelihood, per standard deviation, below which it is at its maximum."""
_IMPOSSIBLE = 1e10
"""Loss of parameters under which some value has no density."""


@dataclass(frozen=True)
class LawFit:
    """A law fitted to the logarithms of the ratios of a site.

    Attributes:
        law: name of the law, as in :data:`~edgescope.statistics.laws.LAWS`.
        parameters: the parameters by name, as ``scipy.stats`` takes them; none without a fit.
        log_likelihood: mean log-likelihood of a ratio, natural, per decade; NaN without a fit.
        aic: Akaike's criterion, ``2 k - 2 n log_likelihood`` (IEEE Trans. Automat. Contr. 19,
            1974). It takes values as independent, which those of an edge or a graph are not:
            differences are overstated, their sign is not.
        ks: Kolmogorov-Smirnov distance between the data and the law, at the edges of the bins.
        count: number of ratios.
        problem: why there is no fit; empty if there is one.
    """

    law: str
    parameters: dict[str, float]
    log_likelihood: float
    aic: float
    ks: float
    count: int
    problem: str = ""


def fit_laws(sketch: SiteSketch, laws: Sequence[str] = tuple(LAWS)) -> list[LawFit]:
    """Fit laws to the ratios of a site, and return them by falling likelihood.

    Ratios in the lowest bin, which are 0, have no logarithm and are left out of every fit; they
    are not part of ``count``. Laws without a fit come last.

    Args:
        sketch: what was counted at the site.
        laws: names of the laws; all by default.

    Raises:
        InputError: if there is no law of that name.
    """
    unknown = [name for name in laws if name not in LAWS]
    if unknown:
        raise InputError(f"unknown law {unknown[0]!r}, expected one of {', '.join(LAWS)}")
    sketch = _without_zeros(sketch)
    data = _Data.of(sketch)
    fits = [
        _fit_gamma(sketch, data) if name == "gamma" else _fit(name, LAWS[name], data)
        for name in laws
    ]
    return sorted(fits, key=lambda fit: (bool(fit.problem), -fit.log_likelihood))


def laws_table(scan: "ScannedSites", laws: Sequence[str] = tuple(LAWS)) -> pl.DataFrame:
    """Return one row per site and law, the likeliest law of a site first.

    Columns: site, law, log_likelihood (mean, natural, per decade), behind (by how much it is below
    the likeliest law's), aic, ks, count, problem.

    Args:
        scan: the scan.
        laws: names of the laws; all by default.
    """
    rows = []
    for site in scan.sites:
        fits = fit_laws(scan[site], laws)
        for fit in fits:
            row = {"site": site, **vars(fit), "behind": fits[0].log_likelihood - fit.log_likelihood}
            rows.append(row)
    order = ("site", "law", "log_likelihood", "behind", "aic", "ks", "count", "problem")
    return pl.DataFrame([{name: row[name] for name in order} for row in rows])


class _Data(NamedTuple):
    """The ratios of a site, on the scale on which laws are fitted."""

    x: Array
    """Logarithms of the filled bins' centres, rising."""
    weight: Array
    """Share of the ratios in each of them."""
    edges: Array
    """Logarithms of the edges of the filled bins, for the distance."""
    below: Array
    """Share of the ratios up to each edge."""
    total: int

    @classmethod
    def of(cls, sketch: SiteSketch) -> "_Data":
        bins, counts = sketch.layout.ratio, sketch.counts["ratio"].numpy()
        filled = np.flatnonzero(counts)
        total = int(counts.sum())
        largest = float(sketch.maxima[0].max())
        share = counts / max(total, 1)
        # Between filled bins both distribution functions are monotone, so that their difference
        # is largest at one of these edges.
        ends = np.union1d(filled, filled - 1)
        ends = ends[(ends >= 0) & (ends < bins.size - 1)]
        return cls(
            np.log10(np.minimum(bins.centres[filled], largest) + EPSILON),
            share[filled],
            np.log10(bins.edges[ends + 1] + EPSILON),
            share.cumsum()[ends],
            total,
        )


def _without_zeros(sketch: SiteSketch) -> SiteSketch:
    ratio = sketch.counts["ratio"].clone()
    ratio[0] = 0
    return SiteSketch(sketch.layout, {**sketch.counts, "ratio": ratio}, sketch.maxima)


def _fit_gamma(sketch: SiteSketch, data: _Data) -> LawFit:
    fit = fit_gamma(sketch)
    if fit.problem:
        return _failed("gamma", data, fit.problem)
    return _measured("gamma", LAWS["gamma"], (fit.shape, fit.loc, fit.scale), data)


def _fit(name: str, law: Law, data: _Data) -> LawFit:
    """Maximise the likelihood from every start.

    Searched are the shapes and the law's mean and standard deviation, relative to those of the
    data: unlike location and scale, they hardly move when the shapes do.
    """
    from scipy.optimize import minimize

    needed = len(law.parameters) + 1
    if len(data.x) < needed:
        return _failed(
            name, data, f"{len(data.x)} distinct ratios are too few, expected {needed} or more"
        )
    mean = float(data.weight @ data.x)
    spread = float(np.sqrt(data.weight @ (data.x - mean) ** 2))
    z = law.sign * (data.x - mean) / spread
    distribution = law.distribution()
    least, most = law.limits
    positive = least > 0

    def natural(searched: Array) -> tuple[list[float], float, float]:
        *shapes, centre, log_width = searched.tolist()
        if positive:
            shapes = np.exp(np.clip(shapes, *np.log([least / 2, most * 2]))).tolist()
        first, variance = distribution.stats(*shapes)
        scale = float(np.exp(log_width) / np.sqrt(variance))
        return shapes, centre - scale * float(first), scale

    def loss(searched: Array) -> float:
        with np.errstate(all="ignore"):  # far from the maximum, densities underflow
            shapes, loc, scale = natural(searched)
            value = -float(data.weight @ distribution.logpdf(z, *shapes, loc=loc, scale=scale))
        return value if np.isfinite(value) else _IMPOSSIBLE

    found = [
        minimize(loss, [*(np.log(start) if positive else start), 0.0, 0.0], method="BFGS")
        for start in law.starts
    ]
    best = min(found, key=lambda result: float(result.fun))
    shapes, loc, scale = natural(best.x)
    for shape, value in zip(law.shapes, shapes, strict=True):
        if not least <= value <= most:
            limit = least if value < least else most
            return _failed(
                name, data, f"the likelihood has no maximum: {shape} goes beyond {limit:g}"
            )
    if best.fun >= _IMPOSSIBLE or np.abs(best.jac).max() > _FLAT:
        return _failed(name, data, f"the search did not converge: {best.message}")
    parameters = (*shapes, law.sign * mean + spread * loc, spread * scale)
    return _measured(name, law, parameters, data)


def _measured(name: str, law: Law, parameters: tuple[float, ...], data: _Data) -> LawFit:
    """Return a fit with its likelihood and its distance from the data."""
    distribution = law.distribution()
    *shapes, loc, scale = parameters
    density = distribution.logpdf(law.sign * data.x, *shapes, loc=loc, scale=scale)
    mean = float(data.weight @ density)
    below = distribution.cdf(law.sign * data.edges, *shapes, loc=loc, scale=scale)
    below = below if law.sign > 0 else 1 - below
    return LawFit(
        name,
        dict(zip(law.parameters, parameters, strict=True)),
        mean,
        2 * len(parameters) - 2 * data.total * mean,
        float(np.abs(data.below - below).max()),
        data.total,
    )


def _failed(name: str, data: _Data, problem: str) -> LawFit:
    nan = float("nan")
    return LawFit(name, {}, nan, nan, nan, data.total, problem)
