"""The other figures of one site: sorted maxima, prevalence and heat maps."""

from typing import Any

import numpy as np

from edgescope.lib.optional import require
from edgescope.plots.axes import colour_bar, legend_row
from edgescope.plots.formats import number, percent
from edgescope.plots.site_panels import draw_graph_maxima, draw_heat_map, draw_shares
from edgescope.plots.svg import HALF, WIDE, figure, followed, render
from edgescope.report.words import above, ratio_threshold, state_labels

_ALONGSIDE = 3
"""Panels of heat maps that fill the width of the page."""

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
    followed(axes, "y")
    limit = ratio_threshold(site, numbers)
    draw_graph_maxima(axes, site["graph_maxima"], limit, state_labels(numbers))
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
    what = above(numbers, site, site["axis"])
    draw_shares(axes, rows, f"edges with a {what}", state_labels(numbers))
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
        draw_heat_map(axis, entry["share"], data["largest"])
        axis.set_title(f"{entry['edge_type']} ({entry['edges']:,} edges)", pad=6)
        if position:
            axis.set_ylabel("")
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
