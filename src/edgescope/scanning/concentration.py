r"""Are the same channels and heads massive on every edge?

Counted is, for every channel, on how many edges its activation exceeds a threshold. If a few
channels hold most of the count, massive activations belong to channels, as in language models
(Sun et al., arXiv 2402.17762, section 2.1), rather than to edges.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.lib.errors import InputError
from edgescope.statistics.sketch import SiteSketch

if TYPE_CHECKING:
    from edgescope.scanning.site_scan import ScannedSites

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

MEASURES = ("ratio", "magnitude")

_REACH = 12.0
"""Standard deviations of a binomial beyond which its probabilities are left out: 1e-32."""


class Spread(NamedTuple):
    """How a count is spread over channels, or over heads. NaN if nothing was counted."""

    gini: float
    """Gini coefficient: 0 if all have the same count, ``1 - 1/n`` if one of ``n`` has all."""
    gini_even: float
    """The Gini coefficient to expect if each count fell on any of the ``n`` with equal chance and
    independently; far from 0 if there are few counts."""
    entropy: float
    """Shannon entropy over its largest value ``log n``: 1 if even, 0 if one has all; NaN if there
    is only one."""
    top_share: float
    """Share of the count that the ``k`` with the highest counts hold."""
    top: tuple[int, ...]
    """The numbers of these ``k``, the highest count first; none without a count."""


class Concentration(NamedTuple):
    """How exceedances of a threshold are spread over the channels and the heads of a site."""

    threshold: float
    """What was exceeded: the edge of the joint histogram's bins nearest to what was asked for."""
    over: int
    """How many activations exceeded it."""
    channels: Spread
    """Over the ``H * D`` channels; channel ``d`` of head ``h`` is number ``h * D + d``."""
    heads: Spread
    """Over the ``H`` heads."""


def concentration(
    sketch: SiteSketch,
    threshold: float,
    *,
    measure: str = "ratio",
    edge_type: int | None = None,
    top: int = 1,
) -> Concentration:
    """Tell how evenly the activations over a threshold are spread over channels and heads.

    Exceedances on the edges of a graph are dependent, so that chance alone makes a Gini
    coefficient somewhat larger than ``gini_even``.

    Args:
        sketch: what was counted at a site.
        threshold: ratio or magnitude to exceed.
        measure: ``"ratio"`` or ``"magnitude"``.
        edge_type: edges of this type only; without it, all edges.
        top: how many channels, and how many heads, ``top_share`` is about.

    Raises:
        InputError: if there is no such measure or edge type, if ``top`` is not positive, or if a
            ratio is too low, as in :meth:`~edgescope.statistics.SiteSketch.heat_map`, which also
            says which magnitudes are counted.
    """
    types = sketch.layout.edge_types
    if edge_type is not None and not 0 <= edge_type < types:
        raise InputError(f"received the edge type {edge_type}, expected 0 to {types - 1}")
    if top < 1:
        raise InputError(f"received top={top}, expected how many channels to add up, at least 1")
    by_type, exact = sketch.channels_over(threshold, _known(measure))
    over = by_type.sum(0) if edge_type is None else by_type[edge_type]  # [F]
    heads = over.reshape(sketch.layout.heads, sketch.layout.channels).sum(1)
    return Concentration(exact, int(over.sum()), spread(over, top), spread(heads, top))


def concentration_table(
    scan: "ScannedSites", threshold: float | None = None, *, measure: str = "ratio", top: int = 1
) -> pl.DataFrame:
    """Return one row per site: the spread over its channels and over its heads.

    Args:
        scan: the scan.
        threshold: what to exceed; by default what the scan's criterion bounds the measure with,
            which may differ between sites, or the lowest ratio that is counted by channel where
            that is higher.
        measure: ``"ratio"`` or ``"magnitude"``.
        top: how many channels and heads ``..._top_share`` is about.

    Raises:
        InputError: as :func:`concentration`, or if the criterion does not bound the measure.
    """
    rows = []
    for site in scan.sites:
        lowest = scan[site].layout.lowest_joint(_known(measure))
        bound = max(_bound(scan, site, measure), lowest) if threshold is None else threshold
        found = concentration(scan[site], bound, measure=measure, top=top)
        row = {"site": site, "threshold": found.threshold, "over": found.over}
        for level in ("channels", "heads"):
            values = getattr(found, level)._asdict()
            row |= {f"{level}_{name}": value for name, value in values.items() if name != "top"}
            row[f"{level}_top"] = list(values["top"])
        rows.append(row)
    lists = {f"{level}_top": pl.List(pl.Int64) for level in ("channels", "heads")}
    return pl.DataFrame(rows, schema_overrides=lists)


def _bound(scan: "ScannedSites", site: str, measure: str) -> float:
    rule = scan.info.criterion
    bound = float(getattr(rule.bounds(site), _known(measure)))
    if not np.isfinite(bound):
        raise InputError(
            f"the criterion {rule.name!r} does not bound the {measure}; pass threshold="
        )
    return bound


def _known(measure: str) -> str:
    if measure not in MEASURES:
        raise InputError(f"unknown measure {measure!r}, expected {' or '.join(MEASURES)}")
    return measure


def spread(counts: Counts, top: int = 1) -> Spread:
    """Tell how evenly counts ``[n]`` are spread; see :class:`Spread`."""
    size, total = len(counts), int(counts.sum())
    if not total:
        nan = float("nan")
        return Spread(nan, nan, nan, nan, ())
    order = np.argsort(-counts, kind="stable")
    share = counts[order[::-1]] / total  # rising
    held = share[share > 0]
    entropy = abs(float(held @ np.log(held)) / np.log(size)) if size > 1 else float("nan")
    return Spread(
        gini(share),
        even_gini(size, total),
        entropy,
        float(share[::-1][:top].sum()),
        tuple(order[:top].tolist()),
    )


def gini(values: Array) -> float:
    r"""Return the Gini coefficient of non-negative values ``[n]`` that are not all zero.

    :math:`\sum_{ij} |x_i - x_j| / (2 n \sum_i x_i)`, the mean difference over twice the mean
    (Gini 1912), from the sorted values.
    """
    ordered = np.sort(values)
    size = len(ordered)
    ranks = 2 * np.arange(1, size + 1) - size - 1
    return float(ranks @ ordered / (size * ordered.sum()))


def even_gini(size: int, total: int) -> float:
    r"""Return the expected Gini coefficient of ``total`` counts spread evenly over ``size`` cells.

    With multinomial counts it is :math:`(n - 1) \, E|X_1 - X_2| / (2 N)` for :math:`N` counts over
    :math:`n` cells. The two cells hold :math:`M \sim B(N, 2/n)` counts together, and given
    :math:`M` one of them holds :math:`B(M, 1/2)`, whose mean absolute deviation is known
    (De Moivre; Diaconis and Zabell, Statistical Science 6, 1991), so that

    .. math:: E|X_1 - X_2| = E\left[2 m \binom{2m}{m} 4^{-m}\right], \quad m = \lceil M/2 \rceil.
    """
    from scipy.special import gammaln
    from scipy.stats import binom

    if size < 2:  # noqa: PLR2004  (one cell is always even)
        return 0.0
    mean = total * 2 / size
    reach = _REACH * np.sqrt(mean) + _REACH**2
    both = np.arange(max(0, int(mean - reach)), min(total, int(mean + reach)) + 1)
    half = np.ceil(both / 2)
    log_central = gammaln(2 * half + 1) - 2 * gammaln(half + 1) - half * np.log(4)
    difference = binom.pmf(both, total, 2 / size) @ (2 * half * np.exp(log_central))
    return float((size - 1) * difference / (2 * total))
