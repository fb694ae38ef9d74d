"""The sorted maxima of two scans, site by site."""

from typing import Any

from edgescope.plots.site_panels import draw_graph_maxima
from edgescope.plots.svg import WIDE, figure, render

COLUMNS, PANELS = 3, 12
"""Panels in a row, and at most."""


def paired_maxima(section: dict[str, Any]) -> str:
    """Draw the largest ratio of every graph, sorted, of both scans at every site.

    Args:
        section: the numbers of the comparison.
    """
    shown = section["maxima"][:PANELS]
    rows = -(-len(shown) // COLUMNS)
    drawn = figure(WIDE, 0.55 + 2.35 * rows, margins=(0.7, 0.15, 0.5, 0.6))
    grid = drawn.subplots(
        rows, COLUMNS, squeeze=False, sharey=True, gridspec_kw={"hspace": 0.75, "wspace": 0.1}
    )
    own, other = section["names"]
    labels = {"untrained": own, "trained": other}
    for place, axes in enumerate(grid.flat):
        if place >= len(shown):
            axes.set_visible(False)
            continue
        each = shown[place]
        maxima = {"untrained": each["own"], "trained": each["other"]}
        draw_graph_maxima(axes, maxima, each["threshold"], labels)
        axes.set_title(each["site"], fontsize=8.5, pad=6)
        if place % COLUMNS:
            axes.set_ylabel("")
        axes.set_xlabel("graphs, sorted (%)")
    handles, named = grid[0][0].get_legend_handles_labels()
    named = [name if name in labels.values() else "threshold of the site" for name in named]
    drawn.legend(handles, named, loc="upper left", ncols=4, bbox_to_anchor=(0.06, 1.0))
    return render(drawn, "paired-maxima", f"Sorted largest ratios per graph of {own} and {other}")
