"""Figures that show all sites at once."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgescope.lib.optional import require
from edgescope.plots.axes import BLUE, EDGE_TYPES, legend_row, sorted_graphs, steps, threshold_line
from edgescope.plots.site_panels import draw_largest
from edgescope.plots.svg import WIDE, figure, followed, render
from edgescope.report.words import above, ratio_threshold, state_labels, thresholds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED_LINES = 12
"""Up to so many lines are named in a legend; of more, some."""


def at_a_glance(numbers: dict[str, Any], axis: str) -> str:
    """Draw the largest of every site, and how often each edge type exceeds the threshold.

    Args:
        numbers: the numbers of the report.
        axis: what is drawn, ``"ratio"`` or ``"magnitude"``.
    """
    table, main = numbers["table"], axis == numbers["scanned"]["axis"]
    drawn = figure(WIDE, 1.3 + 0.27 * len(table))
    left, right = drawn.subplots(1, 2, sharey=True, width_ratios=(1.15, 1))
    places = np.arange(len(table))
    _dumbbells(left, numbers, axis)
    left.set_yticks(places, [row["site"] for row in table])
    left.set_ylim(len(table) - 0.4, -0.6)
    left.set_title(f"Largest {axis} of the site")
    left.set_xlabel(axis)
    _rates(right, table, numbers["by_edge_type" if main else "by_magnitude"])
    common = len(set(thresholds(numbers["sites"], axis))) == 1
    what = f"with a {above(numbers, axis=axis)}" if common else f"over the {axis} of their site"
    right.set_title(f"Share of edges {what}")
    title = f"Largest {axis} per site, and share of edges over the threshold"
    return render(drawn, f"glance-{axis}", title)


def _dumbbells(axes: "Axes", numbers: dict[str, Any], axis: str) -> None:
    endings, labels = {"trained": "", "untrained": "_untrained"}, state_labels(numbers)
    largest = {
        state: [row[f"max_{axis}{endings[state]}"] for row in numbers["table"]] for state in labels
    }
    draw_largest(axes, largest, thresholds(numbers["sites"], axis), labels)
    legend_row(axes)


def _rates(axes: "Axes", table: list[dict[str, Any]], by_type: list[dict[str, Any]]) -> None:
    place = {row["site"]: position for position, row in enumerate(table)}
    types = list(dict.fromkeys(row["edge_type"] for row in by_type))
    shift = np.linspace(-0.18, 0.18, len(types)) if len(types) > 1 else [0.0]
    for index, name in enumerate(types):
        colour, marker = EDGE_TYPES[index % len(EDGE_TYPES)]
        rows = [row for row in by_type if row["edge_type"] == name and row["edges"]]
        axes.plot(
            [100 * row["rate"] for row in rows],
            [place[row["site"]] + shift[index] for row in rows],
            marker,
            color=colour,
            label=name,
            markersize=5,
            clip_on=False,
        )
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    highest = max((row["rate"] or 0.0 for row in by_type), default=0.0)
    axes.set_xlim(0, max(105 * highest, 1.0))
    axes.set_xlabel("edges of the type (%)")
    if types:
        legend_row(axes, columns=6)


def all_maxima(numbers: dict[str, Any]) -> str:
    """Draw the sorted maxima per graph of every site, over the range of the untrained sites."""
    drawn = figure(WIDE, 3.9)
    axes = drawn.subplots()
    sorted_graphs(axes)
    followed(axes, "y")
    before = [site["graph_maxima"].get("untrained") for site in numbers["sites"]]
    shared = np.linspace(0, 100, 401)
    curves = [_on_grid(maxima, shared) for maxima in before if maxima and maxima["ratio"]]
    if curves:
        low, high = np.min(curves, axis=0), np.max(curves, axis=0)
        label = "untrained, all sites"
        axes.fill_between(shared, low, high, color=BLUE, alpha=0.25, linewidth=0, label=label)
    shades = require("matplotlib", "report").colormaps["inferno"]
    last = max(len(numbers["sites"]) - 1, 1)
    every = -(-len(numbers["sites"]) // _NAMED_LINES)
    star = "* = " if numbers["site_pattern"] else ""
    for position, site in enumerate(numbers["sites"]):
        maxima = site["graph_maxima"]["trained"]
        if maxima["ratio"]:
            label = f"{star}{site['short']}" if position % every == 0 else "_"
            shade = shades(0.05 + 0.8 * position / last)
            steps(axes, maxima, color=shade, label=label, linewidth=1.5)
    threshold_line(axes, ratio_threshold(numbers["scanned"], numbers))
    axes.set_title("Largest ratio of every graph, sorted", pad=8)
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        title=numbers["site_pattern"],
        alignment="left",
        title_fontsize=8.5,
    )
    return render(drawn, "maxima", "Sorted largest ratio of every graph, all sites")


def _on_grid(maxima: dict[str, Any], percentages: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sorted maxima at given percentages of the graphs, largest first."""
    ends = np.cumsum(maxima["graphs"])
    place = np.searchsorted(ends, percentages / 100 * ends[-1])
    values: NDArray[np.float64] = np.asarray(maxima["ratio"])[np.minimum(place, len(ends) - 1)]
    return values
