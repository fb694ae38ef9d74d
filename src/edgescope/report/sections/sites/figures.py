"""The other figures of one site: sorted maxima, prevalence and heat maps."""

from typing import Any

import numpy as np

from edgescope.lib.optional import require
from edgescope.plots.axes import (
    STATES,
    colour_bar,
    colours,
    legend_row,
    sorted_graphs,
    steps,
    threshold_line,
)
from edgescope.plots.formats import number, percent
from edgescope.plots.svg import HALF, INK, WIDE, figure, render
from edgescope.report.words import above, ratio_threshold, state_label

_ALONGSIDE = 3
"""Panels of heat maps that fill the width of the page."""

_TICKS = 8
"""Numbers of heads or channels that are written beside a heat map, at most."""

_MARGINS = (0.75, 0.15, 0.5, 0.35)
"""Inches around the axes of a figure of half the page's width."""


def maxima(site: dict[str, Any], numbers: dict[str, Any]) -> str:
    """Draw the sorted largest ratio of every graph, trained over untrained.

    Args:
        site: an entry of ``numbers["sites"]``.
        numbers: the numbers of the report.
    """
    drawn = figure(HALF, 3.1, _MARGINS)
    axes = drawn.subplots()
    sorted_graphs(axes)
    for state, colour in STATES.items():
        found = site["graph_maxima"].get(state)
        if found and found["ratio"]:
            # The line drawn first is wider, to be seen where the other one covers it.
            style = {"color": colour, "linewidth": 3.2 if state == "untrained" else 1.4}
            steps(axes, found, label=state_label(state, numbers), **style)
    threshold_line(axes, ratio_threshold(site, numbers))
    legend_row(axes)
    return render(
        drawn, f"{site['id']}-maxima", f"Sorted largest ratio per graph at {site['site']}"
    )


def site_rows(site: dict[str, Any], numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows by edge type of a site, of the axis that it is drawn on."""
    main = site["axis"] == numbers["scanned"]["axis"]
    rows = numbers["by_edge_type" if main else "by_magnitude"]
    return [row for row in rows if row["site"] == site["site"] and row["edges"]]


def prevalence(site: dict[str, Any], numbers: dict[str, Any]) -> str:
    """Draw the share of edges over the threshold per edge type, with its interval.

    Args:
        site: an entry of ``numbers["sites"]``.
        numbers: the numbers of the report.
    """
    rows = site_rows(site, numbers)
    drawn = figure(HALF, 3.1, _MARGINS)
    axes = drawn.subplots()
    place = np.arange(len(rows))
    compared = numbers["scanned"]["baseline"] is not None
    width = 0.36 if compared else 0.5
    endings = ({"untrained": "_untrained"} if compared else {}) | {"trained": ""}
    for position, (state, ending) in enumerate(endings.items()):
        at = place + (width * (position - 0.5) if compared else 0)
        rate, low, high = (
            np.array([row[f"{name}{ending}"] for row in rows], dtype=float) * 100
            for name in ("rate", "low", "high")
        )
        axes.barh(
            at, rate, width, color=STATES[state], alpha=0.85, label=state_label(state, numbers)
        )
        ends = [np.maximum(rate - low, 0), np.maximum(high - rate, 0)]
        axes.errorbar(rate, at, xerr=ends, fmt="none", color=INK, capsize=3, linewidth=1)
    axes.set_yticks(place, [f"{row['edge_type']}\n{row['edges']:,}" for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    what = above(numbers, site, site["axis"])
    axes.set_xlabel(f"edges with a {what} (%)")
    legend_row(axes)
    title = f"Share of edges with a {what} per edge type at {site['site']}"
    return render(drawn, f"{site['id']}-prevalence", title)


def heat_maps(site: dict[str, Any]) -> str:
    """Draw, per edge type, which heads and channels exceed the threshold how often.

    Args:
        site: an entry of the report's ``sites``, with a share above zero.
    """
    data = site["heat_maps"]
    heads, channels = np.shape(data["types"][0]["share"])
    panels = len(data["types"])
    panel = (WIDE - 1.9) / max(panels, _ALONGSIDE)
    height = float(np.clip(panel * heads / channels, 0.6, 2.5))
    # Always as wide as the page, or few panels would be scaled up with it.
    unused = WIDE - 1.9 - panel * panels
    drawn = figure(WIDE, height + 0.85, margins=(0.5, 0.95 + unused, 0.5, 0.35))
    ratios = [1.0] * panels + [0.05]
    *axes, bar = drawn.subplots(1, panels + 1, width_ratios=ratios, gridspec_kw={"wspace": 0.14})
    ticker = require("matplotlib.ticker", "report")
    for position, (axis, entry) in enumerate(zip(axes, data["types"], strict=True)):
        axis.imshow(
            np.ma.masked_equal(np.asarray(entry["share"], dtype=float), 0),
            cmap=colours(),
            vmin=0,
            vmax=data["largest"],
            aspect="auto",
            interpolation="none",
        )
        axis.grid(visible=False)
        axis.set_title(f"{entry['edge_type']} ({entry['edges']:,} edges)", pad=6)
        axis.set_xlabel("channel")
        axis.set_ylabel("" if position else "head")
        axis.set_xticks(range(0, channels, -(-channels // _TICKS)))
        axis.set_yticks(range(0, heads, -(-heads // _TICKS)))
    colour_bar(bar, 0, data["largest"], upright=True)
    bar.yaxis.set_major_locator(ticker.MaxNLocator(5))
    bar.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: percent(value)))
    bar.set_ylabel("share of edges")
    bar.yaxis.set_label_position("right")
    title = (
        f"Share of edges with a {site['axis']} above {number(data['threshold'])} "
        f"per head and channel at {site['site']}"
    )
    return render(drawn, f"{site['id']}-heat", title)
