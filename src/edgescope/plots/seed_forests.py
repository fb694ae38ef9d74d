"""Numbers of several trainings: each seed, their mean with its interval, and where a claim lies."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from edgescope.lib.visible_text import visible
from edgescope.plots.axes import BLUE, DASHES, GREEN, VERMILION
from edgescope.plots.svg import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ForestRow(NamedTuple):
    """One number.

    Attributes:
        label: what stands beside it.
        value: the mean.
        low: lower end of its interval; NaN if there is none.
        high: upper end.
        values: that of every seed.
        counts: whether it decides anything; else it is drawn paler.
    """

    label: str
    value: float
    low: float
    high: float
    values: Sequence[float]
    counts: bool


def draw_seed_forest(
    axes: "Axes", rows: Sequence[ForestRow], region: tuple[float, float], null: float | None
) -> None:
    """Draw numbers below each other over the region in which a claim says that they lie.

    Args:
        axes: what to draw on; the first number stands on top.
        rows: the numbers; those that are not finite leave an empty line.
        region: the two ends, which may be infinite.
        null: what untrained models or guesses have, if there is such a value.
    """
    known = [
        each
        for row in rows
        for each in (row.value, row.low, row.high, *row.values, null)
        if each is not None and math.isfinite(each)
    ]
    known += [end for end in region if math.isfinite(end)]
    least, most = (min(known), max(known)) if known else (0.0, 1.0)
    margin = 0.08 * (most - least) or 0.5
    axes.set_xlim(least - margin, most + margin)
    ends = [max(region[0], least - margin), min(region[1], most + margin)]
    axes.axvspan(ends[0], ends[1], color=GREEN, alpha=0.13, linewidth=0, label="as claimed")
    if null is not None:
        axes.axvline(
            null, color=INK, linewidth=1, linestyle=DASHES, label="untrained, or by chance"
        )
    for place, row in enumerate(rows):
        alpha = 1.0 if row.counts else 0.4
        axes.plot(
            row.values,
            [place + 0.2] * len(row.values),
            ".",
            color=BLUE,
            alpha=alpha,
            label=None if place else "a seed",
        )
        axes.hlines(place, row.low, row.high, color=VERMILION, linewidth=1.8, alpha=alpha)
        axes.plot(
            [row.value],
            [place],
            "o",
            color=VERMILION,
            alpha=alpha,
            markersize=5.5,
            label=None if place else "mean and 95 % interval",
        )
    labels = ["\n".join(map(visible, row.label.split("\n"))) for row in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
