"""Figures that show all sites at once."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgescope._optional import require
from edgescope.report.axes import (
    BLUE,
    EDGE_TYPES,
    STATES,
    legend_row,
    ratio_axis,
    sorted_graphs,
    state_label,
    steps,
    threshold_line,
)
from edgescope.report.drawing import WIDE, figure, render
from edgescope.report.formats import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED_LINES = 12
"""Up to so many lines are named in a legend; of more, some."""


def at_a_glance(numbers: dict[str, Any]) -> str:
    """Draw the largest ratio of every site, and how often each edge type exceeds the threshold."""
    table = numbers["table"]
    drawn = figure(WIDE, 1.3 + 0.27 * len(table))
    left, right = drawn.subplots(1, 2, sharey=True, width_ratios=(1.15, 1))
    rows = np.arange(len(table))
    _dumbbells(left, numbers, rows)
    left.set_yticks(rows, [row["site"] for row in table])
    left.set_ylim(len(table) - 0.4, -0.6)
    left.set_title("Largest ratio of the site")
    left.set_xlabel("ratio")
    _rates(right, numbers)
    right.set_title(f"Share of edges with a ratio above {number(numbers['scanned']['threshold'])}")
    return render(drawn, "glance", "Largest ratio per site, and share of edges over the threshold")


def _dumbbells(axes: "Axes", numbers: dict[str, Any], rows: NDArray[np.int64]) -> None:
    table = numbers["table"]
    after = [row["max_ratio"] or np.nan for row in table]
    before = [row.get("max_ratio_untrained") or np.nan for row in table]
    axes.set_xscale("log")
    if numbers["scanned"]["baseline"]:
        axes.hlines(rows, before, after, color="#BBBBBB", linewidth=1.5, zorder=1)
        axes.plot(before, rows, "o", color=STATES["untrained"], label="untrained", markersize=6)
    label = state_label("trained", numbers)
    axes.plot(after, rows, "o", color=STATES["trained"], label=label, markersize=6)
    threshold_line(axes, numbers, upright=True)
    axes.grid(visible=False, axis="y")
    ratio_axis(axes.xaxis)
    legend_row(axes)


def _rates(axes: "Axes", numbers: dict[str, Any]) -> None:
    place = {row["site"]: position for position, row in enumerate(numbers["table"])}
    types = list(dict.fromkeys(row["edge_type"] for row in numbers["by_edge_type"]))
    shift = np.linspace(-0.18, 0.18, len(types)) if len(types) > 1 else [0.0]
    for index, name in enumerate(types):
        colour, marker = EDGE_TYPES[index % len(EDGE_TYPES)]
        rows = [row for row in numbers["by_edge_type"] if row["edge_type"] == name and row["edges"]]
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
    highest = max((row["rate"] or 0.0 for row in numbers["by_edge_type"]), default=0.0)
    axes.set_xlim(0, max(105 * highest, 1.0))
    axes.set_xlabel("edges of the type (%)")
    if types:
        legend_row(axes, columns=6)


def all_maxima(numbers: dict[str, Any]) -> str:
    """Draw the sorted maxima per graph of every site, over the range of the untrained sites."""
    drawn = figure(WIDE, 3.9)
    axes = drawn.subplots()
    sorted_graphs(axes)
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
    threshold_line(axes, numbers)
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
