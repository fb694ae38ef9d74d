"""When massive activations appeared, drawn."""

from typing import TYPE_CHECKING, Any

import numpy as np

from edgescope.plots.axes import DASHES, colours, legend_row, ratio_axis, threshold_line
from edgescope.plots.formats import number
from edgescope.plots.svg import INK, WIDE, figure, label_width, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LIGHTEST = 0.35
"""Where the colour map begins: the first layer must stand out from the page."""


def emergence_figure(section: dict[str, Any]) -> str:
    """Draw the largest ratio of every site by step, and below when its level changes."""
    sites = section["sites"]
    tints = colours()(np.linspace(LIGHTEST, 1.0, len(sites)))
    names = [site["site"] for site in sites]
    # Without a change and a crossing there is nothing to draw below the curves.
    told = any(site["step"] is not None or site["crossed"] is not None for site in sites)
    below = 0.35 + 0.22 * len(sites) if told else 0.0
    left = label_width(names) if told else 0.65
    drawn = figure(WIDE, 4.4 + below, (left, 0.15, 0.5, 0.5))
    if told:
        curves, changes = drawn.subplots(
            2, sharex=True, height_ratios=(3.2, below), gridspec_kw={"hspace": 0.12}
        )
    else:
        curves = changes = drawn.subplots()
    for site, tint in zip(sites, tints, strict=True):
        curve = site["curve"]
        curves.plot(
            curve["step"], curve["ratio"], color=tint, linewidth=1.3, marker=_dot(curve["step"])
        )
    curves.set_yscale("log")
    ratio_axis(curves.yaxis)
    curves.set_ylabel("largest ratio of the batch")
    curves.set_title("Largest ratio of every site in training, and when its level changes")
    threshold_line(curves, section["threshold"])
    legend_row(curves)
    changes.set_xlabel("steps of training")
    if told:
        _draw_changes(changes, sites, tints)
    said = f"Largest ratio per site over {number(section['steps'])} steps of training"
    return render(drawn, "emergence", said)


def _draw_changes(changes: "Axes", sites: list[dict[str, Any]], tints: Any) -> None:  # noqa: ANN401  (colours)
    """Draw at which step the level of every site changes, and where it crosses the threshold."""
    for place, (site, tint) in enumerate(zip(sites, tints, strict=True)):
        if site["step"] is not None:
            changes.hlines(place, site["low"], site["high"], color=tint, linewidth=3)
            changes.plot(
                [site["step"]], [place], "o", color=tint, markeredgecolor=INK, markersize=6
            )
        if site["crossed"] is not None:
            changes.plot([site["crossed"]], [place], "x", color=INK, markersize=6)
    changes.set_yticks(range(len(sites)), [site["site"] for site in sites])
    changes.set_ylim(len(sites) - 0.4, -0.6)
    changes.grid(visible=False, axis="y")
    for place in range(len(sites)):
        changes.axhline(place, color="#DDDDDD", linewidth=0.6, linestyle=DASHES, zorder=0)


def _dot(steps: list[int]) -> str:
    """Return the marker of a curve: without one, a curve of a single point would not be seen."""
    return "o" if len(steps) == 1 else ""
