"""How high the edges of untrained models reach, and how far models differ in that."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgescope.statistics.new_member import NewMember, independent_sites, moderated
from edgescope.statistics.sketch import Ensemble, SiteSketch

if TYPE_CHECKING:
    from edgescope.statistics.bins import LogBins

Array = NDArray[np.float64]

SKEWNESS = (0.4, -0.1)
"""Skewness to be expected of a level's logarithm: that of the highest edge and that of the lowest;
in between on a straight line over the share of edges above it. Measured on members of
GraphTransformer (2,500), GAT, GATv2 and TransformerConv (5,000 each; seeds from 100,000 to 101,999
and from 200,000 to 202,999): 0.2 to 0.6 for ratios and 0.1 to 0.4 for magnitudes above the largest
1 %, 0.1 to 0.3 and -0.1 to 0.2 in the middle, -0.5 to 0.1 and -0.1 to 0.1 above five sixths."""

SKEWNESS_WORTH = 50
"""How many members, counted at every site, the expected skewness is worth beside the measured one.
That of a sample of ``n`` has a variance of 6/n, and models differ from the expected one by 0.15 to
0.25, which says 100 to 250. Of 0, 50, 100 and 200, 50 gave rates nearest to those stated with
ensembles of ten of the members named above: with more, GATv2 had a third of the rate at 1e-4, and
with none GAT had 2.6 times as much."""


class Members:
    """The levels that stated shares of a site's edges reach, in every member of an ensemble.

    Levels are logarithms of the largest ratio (or magnitude) of an edge. The spread of a level
    between members is estimated at all sites together, see
    :func:`edgescope.statistics.new_member.moderated`; so is its skewness, together with what is
    known of it, :data:`SKEWNESS`.

    Args:
        ensemble: per site the sketches of the members, as many at every site.
        axis: ``"ratio"`` or ``"magnitude"``.
        shares: the shares ``[L]``, rising.

    Attributes:
        levels: per site the levels ``[M, L]``; minus infinity where an edge is zero, NaN without
            edges.
        known: per site how many levels are above zero in all members; always the first.
    """

    def __init__(self, ensemble: Ensemble, axis: str, shares: Array) -> None:
        sketches = list(ensemble.values())
        bins: LogBins = getattr(sketches[0][0].layout, axis)
        self.levels = {
            site: np.stack([upper_levels(sketch, axis, shares) for sketch in members])
            for site, members in ensemble.items()
        }
        self.known = {
            site: int(np.isfinite(found).all(axis=0).sum()) for site, found in self.levels.items()
        }
        self._members = len(sketches[0])
        # A level is known to a bin only: without that, equal members would be infinitely certain.
        self._rounding = 2.0 ** (-2 * bins.bits) / 12
        shape = len(self.levels), len(shares)
        self._spread, self._freedom = np.full(shape, np.nan), np.full(shape, np.nan)
        self._skewness = np.full(shape, np.nan)
        for number in range(len(shares)):
            self._estimate(number, float(shares[number]))

    def spread(self, site: str) -> Array:
        """Return the standard deviation of every known level of a site between members."""
        return self._spread[self._row(site), : self.known[site]]

    def freedom(self, site: str) -> Array:
        """Return the degrees of freedom of these."""
        return self._freedom[self._row(site), : self.known[site]]

    def skewness(self, site: str) -> Array:
        """Return the skewness of every known level of a site between members."""
        return self._skewness[self._row(site), : self.known[site]]

    def reach(self, site: str) -> "Reach":
        """Return where the levels of one more member may lie; some level must be known."""
        levels, row = self.levels[site], self._row(site)
        positive = np.isfinite(levels)
        number = positive.sum(axis=0)
        above = np.where(positive, levels, 0.0).sum(axis=0)[number > 0] / number[number > 0]
        # Where some members are zero, the others spread as at the last level that is known.
        at = np.minimum(np.arange(len(above)), self.known[site] - 1)
        return Reach(
            NewMember(self._members, self._freedom[row, at], self._skewness[row, at]),
            above,
            self._spread[row, at],
            number[number > 0] / len(levels),
        )

    def _row(self, site: str) -> int:
        return list(self.levels).index(site)

    def _estimate(self, number: int, share: float) -> None:
        """Estimate the spread and the skewness of one level at all sites that know it."""
        rows = [row for row, known in enumerate(self.known.values()) if number < known]
        if not rows:
            return
        every = list(self.levels.values())
        values = np.stack([every[row][:, number] for row in rows])
        away = values - values.mean(axis=1, keepdims=True)
        many, freedom = self._members, self._members - 1
        variance = (away**2).sum(axis=1) / freedom + self._rounding
        shrunk, gained = moderated(variance, freedom, independent_sites(values))
        # Fisher's unbiased third cumulant (Kendall's Advanced Theory of Statistics 1, chapter 12).
        third = many / freedom / (many - 2) * (away**3).sum(axis=1)
        measured, worth = float((third / shrunk**1.5).mean()), values.size
        top, bottom = SKEWNESS
        expected = top + (bottom - top) * share
        both = worth * measured + SKEWNESS_WORTH * expected
        self._spread[rows, number], self._freedom[rows, number] = np.sqrt(shrunk), gained
        self._skewness[rows, number] = both / (worth + SKEWNESS_WORTH)


class Reach:
    """Where the levels of one more member may lie.

    Args:
        law: the law of their distances.
        centre: means of the members' levels ``[L]``.
        spread: their spreads ``[L]``.
        positive: shares of the members in which they are above zero ``[L]``.
    """

    def __init__(self, law: NewMember, centre: Array, spread: Array, positive: Array) -> None:
        self._law, self._centre, self._spread, self._positive = law, centre, spread, positive

    def sf(self, level: float) -> Array:
        """Return the probability that each level of a new member is above ``level`` ``[L]``."""
        beyond: Array = self._positive * self._law.sf((level - self._centre) / self._spread)
        return beyond


def largest(sketch: SiteSketch, axis: str) -> Array:
    """Return the histogram of every edge's largest ratio or magnitude ``[B]``."""
    counts: Array = sketch.counts[f"edge_{axis}"].sum(0).numpy().astype(np.float64)
    return counts


def upper_levels(sketch: SiteSketch, axis: str, shares: Array) -> Array:
    """Return the logarithms of the levels that shares of a site's edges reach, one edge at least.

    They are centres of bins; minus infinity where the edge is zero, NaN if there are no edges.

    Args:
        sketch: the sketch of the site.
        axis: ``"ratio"`` or ``"magnitude"``.
        shares: the shares ``[L]``.
    """
    counts = largest(sketch, axis)
    total = counts.sum()
    if not total:
        return np.full(len(shares), np.nan)
    # The share of three edges in a thousand is three, whatever the last digit of 0.003.
    number = np.clip(np.ceil(shares * total * (1 - 1e-12)), 1, total)
    place = counts.size - 1 - np.searchsorted(counts[::-1].cumsum(), number)
    bins: LogBins = getattr(sketch.layout, axis)
    with np.errstate(divide="ignore"):
        levels: Array = np.log(bins.centres[place])
    return levels
