"""What several figures share: colours, ratio axes, thresholds and staircases."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edgescope.lib.optional import require
from edgescope.plots.formats import number, scientific
from edgescope.plots.svg import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.legend import Legend

# Okabe and Ito, "Color Universal Design" (2008): told apart with any kind of colour vision.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
ORANGE, SKY, PURPLE = "#E69F00", "#56B4E9", "#CC79A7"

STATES = {"untrained": BLUE, "trained": VERMILION}
"""In the order in which they are drawn."""
LAWS = {"trained": "#7A3500", "untrained": "#003F63"}
"""The colours of the states, darker, for the laws fitted to them."""


def scanned_states(*, compared: bool) -> dict[str, str]:
    """Return the states that are drawn, and their names; without an untrained one there is one."""
    return dict(zip(STATES, STATES, strict=True)) if compared else {"trained": "scanned model"}


EDGE_TYPES = ((GREEN, "o"), (PURPLE, "s"), (ORANGE, "^"), (SKY, "D"), (BLUE, "v"), (INK, "P"))
"""Colour and marker of each edge type, so that colour is never the only difference."""

_SEQUENTIAL = "YlOrRd"
"""Colour map whose lightness falls steadily, so that it also reads in grey."""
_NEVER = "#EDEDED"
"""Colour of what is masked, such as shares of exactly zero."""

DASHES = (0, (5, 3))
_TO_A_SIDE = 3
"""Labels to either side of 0 that have room."""


def legend_row(axes: "Axes", columns: int = 4, **options: Any) -> "Legend":
    """Put the legend in one row between the axes and their title."""
    return axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, **options)


def threshold_line(axes: "Axes", threshold: float | None, *, upright: bool = False) -> None:
    """Mark a threshold on a ratio axis, if there is one."""
    if threshold is None:
        return
    draw = axes.axvline if upright else axes.axhline
    draw(
        threshold, color=INK, linewidth=1, linestyle=DASHES, label=f"threshold {number(threshold)}"
    )


def ratio_axis(axis: "Axis") -> None:
    """Label a logarithmic axis without matplotlib's mathematical notation."""
    ticker = require("matplotlib.ticker", "report")
    axis.set_major_locator(ticker.LogLocator(numticks=8))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: ratio_tick(value)))
    axis.set_minor_locator(ticker.NullLocator())


def signed_x_axis(axes: "Axes", straight: float) -> None:
    """Make the horizontal axis logarithmic to both sides of 0, labelled like :func:`ratio_axis`.

    Call it when all is drawn: labels are 0 and at most three powers of ten to either side.

    Args:
        axes: what is drawn.
        straight: up to which distance from 0 it is linear; nothing there but 0 has a label.
    """
    ticker = require("matplotlib.ticker", "report")
    low, high = axes.get_xlim()
    axes.set_xscale("symlog", linthresh=straight)
    ticks = {0.0}
    for sign, end in ((-1, -low), (1, high)):
        first = math.ceil(math.log10(2 * straight))
        powers = range(first, math.floor(math.log10(max(end, 2 * straight))) + 1)
        step = max(1, math.ceil(len(powers) / _TO_A_SIDE))
        ticks |= {sign * 10.0**power for power in powers[::step]}
    axes.xaxis.set_major_locator(ticker.FixedLocator(sorted(ticks)))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: _signed_tick(value)))
    axes.xaxis.set_minor_locator(ticker.NullLocator())


def _signed_tick(value: float) -> str:
    return f"{'-' if value < 0 else ''}{ratio_tick(abs(value))}" if value else "0"


def ratio_tick(value: float) -> str:
    """Write a ratio as the label of a tick."""
    if not 1e-2 <= value < 1e5:  # noqa: PLR2004  (labels stay short)
        return scientific(value)
    return number(value) if value >= 1 else f"{value:g}"


def sorted_graphs(axes: "Axes") -> None:
    """Lay out axes for the largest ratio of every graph, sorted."""
    axes.set_yscale("log")
    axes.set_xlim(0, 100)
    axes.set_xlabel("graphs, sorted by their largest ratio (%)")
    axes.set_ylabel("largest ratio of the graph")
    ratio_axis(axes.yaxis)


def steps(axes: "Axes", maxima: dict[str, Any], **style: Any) -> None:
    """Draw sorted maxima as a staircase over the percentage of graphs, largest first."""
    ends = np.concatenate([[0], np.cumsum(maxima["graphs"])])
    axes.stairs(maxima["ratio"], 100 * ends / ends[-1], baseline=None, **style)


def colours() -> Any:  # noqa: ANN401  (a matplotlib colour map)
    """Return the sequential colour map, in which masked values are grey."""
    return require("matplotlib", "report").colormaps[_SEQUENTIAL].with_extremes(bad=_NEVER)


def colour_bar(
    axes: "Axes",
    low: float,
    high: float,
    *,
    upright: bool,
    part: tuple[float, float] = (0.0, 1.0),
) -> None:
    """Fill ``axes``, which must be linear, with the colour map as one small image.

    Args:
        axes: what to fill.
        low: value at the start of the bar.
        high: value at its end.
        upright: whether the bar stands.
        part: which part of the colour map is used.
    """
    ramp = np.linspace(*part, 64)
    axes.imshow(
        ramp[:, None] if upright else ramp[None, :],
        cmap=colours(),
        vmin=0,
        vmax=1,
        aspect="auto",
        origin="lower",
        interpolation="none",
        extent=(0, 1, low, high) if upright else (low, high, 0, 1),
    )
    axes.grid(visible=False)
    (axes.xaxis if upright else axes.yaxis).set_visible(False)
    axes.spines[:].set_visible(False)
    if upright:
        axes.yaxis.tick_right()
