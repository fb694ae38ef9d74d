r"""Thresholds that a random untrained model exceeds at a stated rate.

Members of an untrained ensemble differ from each other far more than their edges do by chance:
with a random member, all its edges may be larger. The quantile of all members' edges together is
therefore no threshold for another member.

Let :math:`Q(u)` be the level that a share :math:`u` of a member's edges reach. The share of its
edges beyond a threshold :math:`t` is the share of all :math:`u` for which :math:`Q(u) > t`, so that
for a random member it is on average

.. math:: \int_0^1 P(Q(u) > t) \, du .

Nothing is assumed so far, neither of the edges of a member, which are far from independent, nor of
how its levels depend on each other. Of each level by itself,
:class:`~edgescope.statistics.members.Members` says where it may lie in one more member. The
threshold is where the integral is the stated rate.

An earlier version moved one common tail up and down with a single place per member, taken as
independent of it. They are not: edges of rare kinds lie high in one member and low in another
whatever the others do. At 1e-5, TransformerConv had a sixth of the stated rate.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgescope.lib.errors import InputError
from edgescope.statistics.bins import LogBins
from edgescope.statistics.members import Members, Reach, largest
from edgescope.statistics.sketch import Ensemble

Array = NDArray[np.float64]

FEWEST_MEMBERS = 5
"""Members of an ensemble below which the spread between them says too little: with five, a level
that a new member exceeds with a probability of 5e-5 lies 18 spreads above their mean, with ten 8,
and with ten at four sites alike 6."""

CELL = 1.15
"""Ratio of the upper and the lower end of the cells that the integral over shares is made of; the
first is that of the highest edge. With 1.05, thresholds at 1e-3 to 1e-5 are the same to 0.3 %."""

_LOWEST, _HIGHEST = (
    float(np.log(limit)) for limit in (np.finfo(np.float32).smallest_subnormal, 3.5e38)
)
"""Logarithms between which all thresholds lie."""

_CLOSE = 1e-4
"""Error of the logarithm of a threshold; bins are 0.004 to 0.008 wide."""


@dataclass(frozen=True)
class AxisCalibration:
    """The threshold of one site on one axis, and what it rests on.

    Attributes:
        threshold: what a random untrained model exceeds at the stated rate, rounded up to a bin
            edge, where counts are exact; infinite if no number is large enough, or if some member
            has no edge above zero there.
        members: the level that the stated share of each member's own edges reach, one edge at
            least ``[M]``.
        spread: standard deviation of the logarithms of these between members, as estimated from
            all sites together; NaN if some member has no such edge above zero.
        freedom: its degrees of freedom.
        skewness: skewness of the law of these logarithms.
        extrapolated: whether the threshold lies beyond the edges of all members, so that it rests
            on the law alone.
        members_over: how many members have an edge over the threshold.
        supported: the smallest rate whose threshold some edge of the members still reaches; NaN
            if some member has no edge above zero.
    """

    threshold: float
    members: tuple[float, ...]
    spread: float
    freedom: float
    skewness: float
    extrapolated: bool
    members_over: int
    supported: float


def calibrate(ensemble: Ensemble, axis: str, rate: float) -> dict[str, AxisCalibration]:
    """Return the threshold of every site on one axis.

    Args:
        ensemble: per site the sketches of the members of an untrained ensemble. Sites lend each
            other strength: the thresholds of one depend on which others there are.
        axis: ``"ratio"`` or ``"magnitude"``, of which the largest of every edge is judged.
        rate: share of a random untrained model's edges that exceed the threshold.

    Raises:
        InputError: if there are too few members.
    """
    _check(ensemble)
    most = max(largest(one, axis).sum() for members in ensemble.values() for one in members)
    ends = cells(most)
    # The first cell is that of the highest edge; the others stand for their middle.
    middles = np.sqrt(ends[1:-1] * ends[2:])
    members = Members(ensemble, axis, np.concatenate([ends[1:2], middles]))
    at_rate = Members(ensemble, axis, np.array([rate]))
    bins: LogBins = getattr(next(iter(ensemble.values()))[0].layout, axis)
    found = {}
    for site in ensemble:
        threshold, supported, extrapolated, over = np.inf, np.nan, False, 0
        if members.known[site]:
            reach, highest = members.reach(site), members.levels[site][:, 0]
            level = _level(reach, np.diff(ends), rate)
            threshold = _rounded_up(level, bins)
            extrapolated = bool(level > highest.max())
            over = int((highest > np.log(threshold)).sum())
            supported = _share_beyond(reach, np.diff(ends), float(highest.max()))
        law = (at_rate.spread, at_rate.freedom, at_rate.skewness)
        spread, freedom, skewness = (float(np.append(part(site), np.nan)[0]) for part in law)
        alone = tuple(np.exp(at_rate.levels[site][:, 0]).tolist())
        found[site] = AxisCalibration(
            threshold, alone, spread, freedom, skewness, extrapolated, over, supported
        )
    return found


def _check(ensemble: Ensemble) -> None:
    fewest = min(map(len, ensemble.values()))
    if fewest < FEWEST_MEMBERS:
        raise InputError(
            f"received an ensemble of {fewest}, expected at least {FEWEST_MEMBERS} untrained "
            "models, as the spread between them decides what is exceeded by chance; scan with "
            "baseline=es.Untrained()"
        )


def cells(edges: float) -> Array:
    """Return the ends of cells of shares ``[L + 1]``, from 0 over that of one edge to 1."""
    edges = max(edges, 1.0)
    steps = int(np.ceil(np.log(edges) / np.log(CELL)))
    return np.concatenate([[0.0], np.geomspace(1 / edges, 1.0, steps + 1)])


def _level(reach: Reach, widths: Array, rate: float) -> float:
    """Return the logarithm that a share ``rate`` of a new member's edges is beyond on average."""
    low, high = _LOWEST, _HIGHEST
    while high - low > _CLOSE:
        middle = (low + high) / 2
        share = _share_beyond(reach, widths, middle)
        low, high = (middle, high) if share > rate else (low, middle)
    return high


def _share_beyond(reach: Reach, widths: Array, level: float) -> float:
    """Return the share of a new member's edges that is beyond a level, on average."""
    beyond = reach.sf(level)
    return float(beyond @ widths[: len(beyond)])


def _rounded_up(level: float, bins: LogBins) -> float:
    """Return the smallest bin edge from ``exp(level)`` on; infinite if there is none."""
    return float(bins.edges[np.searchsorted(bins.edges, np.exp(level))])
