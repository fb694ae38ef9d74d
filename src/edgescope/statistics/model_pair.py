"""The largest values of the edges of a trained and an untrained model, side by side."""

import numpy as np
from numpy.typing import NDArray

from edgescope.statistics.bootstrap import (
    CONFIDENCE,
    MIN_GROUPS,
    Bootstrap,
    bootstrap,
    small_sample_factor,
)
from edgescope.statistics.effects import Effects, Estimate, Exceedance, Tail
from edgescope.statistics.histogram import (
    bin_of_quantile,
    cells,
    ecdf_difference,
    parents,
    quantile,
    share_over,
    tail_index,
)
from edgescope.statistics.sketch import SiteSketch

Array = NDArray[np.float64]
Name = tuple[str, float]
"""A number: what it is, and the quantile or the model that it is of."""
Place = tuple[int, int | None]
"""A model and the bin above which its edges decide a number; None if it has too few edges."""

TAILS = (0.999, 0.9999)
"""Quantiles of the untrained model over which edges are counted."""
SHIFTS = (0.5, *TAILS)
"""Quantiles whose shift is given."""
TAIL_SHARE = 0.01
"""Share of the edges, the largest, from which the tail index is estimated. Hill's estimate from
``k`` independent values has the relative standard error ``1 / sqrt(k)`` (Hill 1975)."""
MIN_TAIL = 10
"""Edges from which a tail index is estimated at least: an error of 30 %."""

TRAINED, UNTRAINED = 0, 1
_ROLES = ("trained", "untrained")
_NONE = float("nan")


class PairedTops:
    """The largest values of the edges of two models, in the bins that either of them fills.

    Args:
        trained: sketch of the trained model.
        untrained: sketch of the untrained model.
        measure: ``"ratio"`` or ``"magnitude"``.
    """

    def __init__(self, trained: SiteSketch, untrained: SiteSketch, measure: str) -> None:
        sketches = (trained, untrained)
        fine, coarse = (getattr(trained.layout, f"{kind}{measure}") for kind in ("", "coarse_"))
        tops = np.stack([s.counts[f"edge_{measure}"].sum(0).numpy() for s in sketches])
        groups = np.stack([s.counts[f"group_{measure}"].numpy() for s in sketches], axis=1)
        values = [s.counts[measure].numpy().astype(np.float64)[None] for s in sketches]
        filled = np.flatnonzero(tops.any(0))
        held, self._parent = np.unique(parents(fine, coarse)[filled], return_inverse=True)
        self._groups = groups[:, :, held].astype(np.float64)  # [groups, 2, coarse bins]
        self._tops = tops[:, filled].astype(np.float64)  # [2, bins]
        self._cells = cells(fine, filled)
        self._edges: list[int] = tops.sum(1).tolist()
        self._problems: dict[str, None] = {}  # in order, each once
        self._ks_values = float(_largest(ecdf_difference(*values))[0])
        total = self._groups.sum(0)  # [2, coarse bins]
        self._share = self._tops / np.maximum(total[:, self._parent], 1)
        self._difference = ecdf_difference(*total[:, None])
        both = (TRAINED, UNTRAINED)
        self._over = {q: self._column(UNTRAINED, q, _needed(q)) for q in TAILS}
        places: dict[Name, list[Place]] = {}
        for q, column in self._over.items():
            places["rate", q] = [(TRAINED, column)]
            places["enrichment", q] = [(TRAINED, column), (UNTRAINED, column)]
        for q in SHIFTS:
            places["shift", q] = [(role, self._column(role, q, _needed(q))) for role in both]
        for role in both:
            column = self._column(role, 1 - TAIL_SHARE, round(MIN_TAIL / TAIL_SHARE))
            places["tail", role] = [(role, column)]
        self._places = places

    def effects(self, generator: np.random.Generator, resamples: int) -> Effects:
        """Return the numbers with their intervals."""
        found = bootstrap(self._groups, self._resampled, generator=generator, resamples=resamples)
        numbers = self._estimates(found)
        edges, edges_untrained = self._edges
        return Effects(
            edges,
            edges_untrained,
            found.groups,
            self._ks(found),
            self._ks_values,
            {q: self._exceedance(q, numbers) for q in TAILS},
            {q: numbers["shift", q] for q in SHIFTS},
            Tail(numbers["tail", TRAINED], self._over_place(*self._places["tail", TRAINED][0])),
            Tail(numbers["tail", UNTRAINED], self._over_place(*self._places["tail", UNTRAINED][0])),
            tuple(self._problems),
        )

    def _resampled(self, groups: Array) -> Array:
        """Return the width of the band and every number of counts ``[R, 2, coarse bins]``.

        Within a coarse bin, values are spread as they are in all graphs together.
        """
        band = _largest(
            ecdf_difference(groups[:, TRAINED], groups[:, UNTRAINED]) - self._difference
        )
        return np.column_stack([band, self._numbers(groups[:, :, self._parent] * self._share)])

    def _numbers(self, tops: Array) -> Array:
        """Return every number of histograms ``[R, 2, bins]``, in the order of the places."""
        columns = []
        for (what, q), places in self._places.items():
            counts = [tops[:, role] for role, _ in places]
            first, second = places[0][1], places[-1][1]
            with np.errstate(divide="ignore", invalid="ignore"):  # ratios and logarithms of zeros
                if first is None or second is None:
                    number = np.full(len(tops), _NONE)
                elif what == "rate":
                    number = share_over(counts[0], first)
                elif what == "enrichment":
                    number = share_over(counts[0], first) / share_over(counts[1], second)
                elif what == "shift":
                    values = [np.log10(quantile(part, self._cells, q)) for part in counts]
                    number = values[0] - values[1]
                else:
                    number = tail_index(counts[0], self._cells, first)
            columns.append(number)
        return np.column_stack(columns)

    def _estimates(self, found: Bootstrap) -> dict[Name, Estimate]:
        """Return the numbers, with intervals where they rest on enough groups of graphs."""
        estimates = {}
        if found.problem:
            self._problems[found.problem] = None
        exact = self._numbers(self._tops[None])[0].tolist()
        for at, (name, places) in enumerate(self._places.items()):
            low, high = float(found.low[1 + at]), float(found.high[1 + at])
            held = min(self._groups_over(*place) for place in places)
            if held < MIN_GROUPS and not np.isnan([exact[at], low]).any():
                low = high = _NONE
                what, q = name
                of = f"{_ROLES[int(q)]} tail index" if what == "tail" else f"{what} at {q}"
                self._problems[
                    f"no interval of the {of}: its edges lie in {held} of the groups of graphs, "
                    f"expected {MIN_GROUPS} or more"
                ] = None
            estimates[name] = Estimate(exact[at], low, high)
        return estimates

    def _ks(self, found: Bootstrap) -> Estimate:
        """Return the distance; it is off by no more than the difference is at any value.

        Resampled is the difference at the edges of the coarse bins. The distance there is a lower
        bound, from which the lower end is taken.
        """
        if not min(self._edges):
            return Estimate(_NONE)
        value = float(_largest(ecdf_difference(*self._tops[:, None]))[0])
        if not len(found.replicates):
            return Estimate(value)
        width = float(np.quantile(found.replicates[:, 0], CONFIDENCE))
        width *= small_sample_factor(found.groups)
        low = float(_largest(self._difference)[0]) - width
        return Estimate(value, max(0.0, low), min(1.0, value + width))

    def _exceedance(self, q: float, numbers: dict[Name, Estimate]) -> Exceedance:
        column = self._over[q]
        rate, enrichment = numbers["rate", q], numbers["enrichment", q]
        if column is None:
            return Exceedance(_NONE, rate, _NONE, enrichment)
        untrained = float(share_over(self._tops[UNTRAINED, None], column)[0])
        return Exceedance(float(self._cells.upper[column]), rate, untrained, enrichment)

    def _column(self, role: int, q: float, needed: int) -> int | None:
        """Return the bin of a model's quantile, if it has enough edges for one."""
        edges = self._edges[role]
        if edges >= needed:
            return bin_of_quantile(self._tops[role], q)
        self._problems[f"{edges} {_ROLES[role]} edges, some numbers need {needed}"] = None
        return None

    def _over_place(self, role: int, column: int | None) -> int:
        """Return how many edges of a model lie above a bin."""
        return 0 if column is None else int(self._tops[role, column + 1 :].sum())

    def _groups_over(self, role: int, column: int | None) -> int:
        """Return how many groups of graphs these edges lie in, to within a bin of the groups."""
        if column is None:
            return 0
        above = self._share[role, column + 1 :]
        held = self._groups[:, role][:, self._parent[column + 1 :]] @ above
        return int((held >= 0.5).sum())  # noqa: PLR2004  (an edge, rounded)


def _largest(difference: Array) -> Array:
    """Return the largest absolute difference ``[R]``."""
    largest: Array = np.abs(difference).max(-1, initial=0.0)
    return largest


def _needed(q: float) -> int:
    """Return how many edges have a ``q``-quantile that is not simply the largest."""
    return round(1 / (1 - q))
