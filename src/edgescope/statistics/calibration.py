r"""Thresholds that a random untrained model exceeds at a stated rate.

Members of an untrained ensemble differ from each other far more than their edges do by chance:
with a random member, all its edges may be larger. The quantile of all members' edges together is
therefore no threshold for another member. Taken from ten members, it was exceeded by 40 held-out
untrained members of GAT and TransformerConv on ZINC-12k 5 to 9 times as often as stated at a
nominal 5e-4 per edge, and more than 100 times as often at 5e-6.

So two laws are put together, on the logarithm of an edge's largest ratio (or magnitude):

- where the tail of a member lies, its place: the logarithm of its own 0.995 quantile, which
  differs between members by 0.1 to 0.4. Where that of a new member may be, given those of the
  ensemble, says :class:`NewMember`;
- around its place, the edges of a member are distributed as those of all members around
  theirs; beyond the last :data:`DIRECT` of them, by a generalised Pareto law.

The threshold is where the share of edges beyond it, averaged over the place of a new member, is
the stated rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgescope.errors import InputError
from edgescope.statistics.bins import LogBins
from edgescope.statistics.calibrated import FEWEST_MEMBERS
from edgescope.statistics.new_member import NewMember
from edgescope.statistics.sketch import SiteSketch
from edgescope.statistics.tail import Tail, fit_tail

Array = NDArray[np.float64]

PLACE_SHARE = 0.005
"""Share of a member's edges above its place. The place must be that of the tail: with the median of
the edges, held-out rates by ratio at 5e-6 were 4 to 11 times those stated. Of the 0.99, 0.995 and
0.999 quantiles none was clearly better on 40 held-out members (GraphTransformer, GAT, GATv2 and
TransformerConv, ZINC-12k); this is the one in the middle."""

PLACE_EDGES = 20
"""Edges above the place of a member at least."""

TAIL_SHARE = 0.002
"""Share of all edges that the tail is fitted to: beyond the places, where members still agree."""

TAIL_EDGES = 100
"""Edges that the tail is fitted to at least."""

DIRECT = 50
"""Edges beyond a level at which its share is still counted rather than extrapolated: the count
has a relative error of 14 %, if they are independent."""

_STEP = 0.005
"""Step of the logarithm in integrals; the bins are 0.004 to 0.008 wide."""

_BEYOND = 1e-3
"""Share of the rate that the integral over the place of a new member may leave out."""


@dataclass(frozen=True)
class AxisCalibration:
    """The threshold of one site on one axis, and what it rests on.

    Attributes:
        threshold: what a random untrained model exceeds at the stated rate, rounded up to a bin
            edge, where counts are exact; infinite if no number is large enough, or if the
            ensemble has no edges there.
        members: the threshold of each member by itself ``[M]``: what its own edges exceed at the
            rate, by its own place and the common tail.
        spread: standard deviation of the members' places, in units of the natural logarithm.
        tail: law of the tail, relative to the place of a member; None if it has too few values.
        extrapolated: whether the rate lies beyond the data, even for a member by itself.
    """

    threshold: float
    members: tuple[float, ...]
    spread: float
    tail: Tail | None
    extrapolated: bool


def calibrate(members: Sequence[SiteSketch], axis: str, rate: float) -> AxisCalibration:
    """Return the threshold of a site on one axis.

    Args:
        members: sketches of the site in each member of an untrained ensemble.
        axis: ``"ratio"`` or ``"magnitude"``, of which the largest of every edge is judged.
        rate: share of a random untrained model's edges that exceed the threshold.

    Raises:
        InputError: if there are too few members.
    """
    from scipy.optimize import brentq

    if len(members) < FEWEST_MEMBERS:
        raise InputError(
            f"received an ensemble of {len(members)}, expected at least {FEWEST_MEMBERS} untrained "
            "models, as the spread between them decides what is exceeded by chance; scan with "
            "baseline=es.Untrained()"
        )
    bins: LogBins = getattr(members[0].layout, axis)
    survivals = [_Survival(largest(member, axis), bins) for member in members]
    if not all(survival.placed for survival in survivals):
        return AxisCalibration(np.inf, (np.inf,) * len(members), np.nan, None, extrapolated=False)
    ensemble = _Ensemble(survivals)
    alone = ensemble.level(rate)
    away, weight = ensemble.new_member(rate)
    low, high = alone + away[0] - 1, ensemble.end + away[-1] + 1
    level = brentq(lambda at: weight @ ensemble.survival(at - away) - rate, low, high, xtol=1e-4)
    return AxisCalibration(
        _rounded_up(ensemble.centre + level, bins),
        tuple(float(np.exp(place + alone)) for place in ensemble.places),
        ensemble.spread,
        ensemble.tail,
        extrapolated=rate * ensemble.total < DIRECT,
    )


def largest(sketch: SiteSketch, axis: str) -> Array:
    """Return the histogram of every edge's largest ratio or magnitude ``[B]``."""
    counts: Array = sketch.counts[f"edge_{axis}"].sum(0).numpy().astype(np.float64)
    return counts


def upper_quantile(sketch: SiteSketch, axis: str, share: float) -> float:
    """Return the logarithm of the level that ``share`` of a site's edges reach, one at least.

    It is the centre of a bin; NaN if there are no edges, or if the level is zero.
    """
    counts = largest(sketch, axis)
    number = max(np.ceil(share * counts.sum()), 1)
    bins: LogBins = getattr(sketch.layout, axis)
    place = counts.size - 1 - int((counts[::-1].cumsum() >= number).argmax())
    level = bins.centres[place]
    return float(np.log(level)) if counts.sum() and level else np.nan


def p_value(trained: SiteSketch, members: Sequence[SiteSketch], axis: str, rate: float) -> float:
    r"""Return the p-value that more than ``rate`` of a site's edges exceed its threshold by chance.

    The null hypothesis is that the trained model is one more untrained member. Compared is the
    level that the largest ``rate`` of the edges reach, :math:`q`, on a logarithmic scale: more
    edges than stated exceed a threshold exactly if that level does. Its distance from the mean of
    the members, in their spreads, follows :class:`NewMember`. As whole members are compared,
    nothing is assumed about the edges of a graph or of a member, which are far from independent.

    NaN if there are too few members, or a member or the model has no edges there.
    """
    levels = np.array([upper_quantile(sketch, axis, rate) for sketch in members])
    own = upper_quantile(trained, axis, rate)
    if len(levels) < FEWEST_MEMBERS or not np.isfinite([*levels, own]).all():
        return np.nan
    # A level is known to a bin only: without that, equal members would be infinitely certain.
    bins: LogBins = getattr(trained.layout, axis)
    spread = np.sqrt(levels.var(ddof=1) + 2.0 ** (-2 * bins.bits) / 12)
    return float(NewMember(len(levels)).sf((own - levels.mean())[None] / spread)[0])


class _Survival:
    """The share of a member's edges beyond any level, on a logarithmic scale."""

    def __init__(self, counts: Array, bins: LogBins) -> None:
        self.total = counts.sum()
        filled = np.flatnonzero(counts[1:]) + 1  # bin 0 holds zeros
        self.placed = len(filled) > 0
        if not self.placed:
            return
        part = slice(filled[0], filled[-1] + 2)
        # The lowest edges are 0 and the highest is infinite: the ends of float32 stand for them.
        limits = np.finfo(np.float32)
        self.levels = np.log(bins.edges[part].clip(limits.smallest_subnormal, limits.max))
        self.shares = 1 - np.concatenate([[0], counts.cumsum()])[part] / self.total
        self.shares[-1] = 0.0
        share = max(PLACE_SHARE, PLACE_EDGES / self.total)
        # Reversed, as numpy interpolates along growing numbers.
        self.place = float(np.interp(share, self.shares[::-1], self.levels[::-1]))

    def at(self, level: Array) -> Array:
        """Return the share of edges beyond levels, on the logarithmic scale."""
        shares: Array = np.interp(level, self.levels, self.shares)
        return shares


class _Ensemble:
    """Members around their places, and the tail that they have in common."""

    def __init__(self, members: Sequence[_Survival]) -> None:
        self._members = members
        self.places = np.array([member.place for member in members])
        self.centre = float(self.places.mean())
        self.spread = float(self.places.std(ddof=1))
        self.total = float(sum(member.total for member in members))
        self._start = min(m.levels[0] - m.place for m in members)
        self._stop = max(m.levels[-1] - m.place for m in members)
        levels = np.arange(self._start, self._stop + 2 * _STEP, _STEP)
        self._table = levels, self._observed(levels)
        self.tail = self._fit()
        self._direct = min(self._counted(DIRECT / self.total), self._stop)

    @cached_property
    def end(self) -> float:
        """A level that no edge of a member is beyond, but for a vanishing share."""
        level = float(self._stop)
        while float(self.survival(np.array([level]))[0]) > np.finfo(float).tiny and level < 1e3:  # noqa: PLR2004
            level += 1.0
        return level

    def survival(self, level: Array) -> Array:
        """Return the share of a member's edges beyond levels relative to its place."""
        counted: Array = np.interp(level, *self._table)
        if self.tail is None:
            return counted
        beyond = self.tail.survival(np.exp(np.minimum(level, 700.0)))
        last = np.interp(self._direct, *self._table)
        share: Array = np.where(level <= self._direct, counted, np.minimum(beyond, last))
        return share

    def level(self, share: float) -> float:
        """Return the level that a share of a member's edges are beyond."""
        low, high = self._start, self.end
        while high - low > 1e-4:  # noqa: PLR2004  (a hundredth of a bin)
            middle = (low + high) / 2
            beyond = float(self.survival(np.array([middle]))[0]) > share
            low, high = (middle, high) if beyond else (low, middle)
        return float(high)

    def new_member(self, rate: float) -> tuple[Array, Array]:
        """Return where the place of a new member may be, relative to the centre, and how likely.

        Returns:
            Places ``[n]`` in rising order and their probabilities ``[n]``, which sum to 1.
        """
        law = NewMember(len(self.places))
        reach = law.isf(rate * _BEYOND) * self.spread
        half = int(np.ceil(min(reach, 700.0) / _STEP))
        places: Array = _STEP * np.arange(-half, half + 1, dtype=np.float64)
        if not half:
            return places, np.ones(1)
        between = 1 - law.sf((places[:-1] + places[1:]) / 2 / self.spread)
        return places, np.diff(between, prepend=0.0, append=1.0)

    def _observed(self, level: Array) -> Array:
        shares: Array = np.mean([m.at(level + m.place) for m in self._members], axis=0)
        return shares

    def _counted(self, share: float) -> float:
        """Return the level that a share of the edges are beyond, by counting."""
        levels, shares = self._table
        return float(np.interp(share, shares[::-1], levels[::-1]))

    def _fit(self) -> Tail | None:
        share = min(max(TAIL_SHARE, TAIL_EDGES / self.total), 0.5)
        grid = np.arange(self._counted(share), self._stop + 2 * _STEP, _STEP)
        beyond = self._observed(grid) * self.total
        return fit_tail(np.exp(grid), beyond[:-1] - beyond[1:], self.total)


def _rounded_up(level: float, bins: LogBins) -> float:
    """Return the smallest bin edge from ``exp(level)`` on; infinite if there is none."""
    return float(bins.edges[np.searchsorted(bins.edges, np.exp(min(level, 700.0)))])
