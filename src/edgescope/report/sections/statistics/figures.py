"""How far quantiles moved in training, drawn."""

from typing import Any

import numpy as np

from edgescope.plots.axes import BLUE, GREEN, VERMILION, legend_row
from edgescope.plots.svg import INK, WIDE, figure, label_width, render

QUANTILES = {
    "median": ("median", BLUE, "o"),
    "999": ("0.999 quantile", GREEN, "s"),
    "9999": ("0.9999 quantile", VERMILION, "^"),
}
"""Name, colour and marker of each quantile, by the end of its column."""


def shifts(rows: list[dict[str, Any]]) -> str:
    """Draw by how many decades quantiles moved at every site, a panel per measure.

    Args:
        rows: rows of the report's ``statistics["comparison"]``.
    """
    sites = list(dict.fromkeys(row["site"] for row in rows))
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    drawn = figure(WIDE, 1.15 + 0.36 * len(sites), (label_width(sites), 0.15, 0.5, 0.5))
    panels = drawn.subplots(
        1, len(measures), sharey=True, squeeze=False, gridspec_kw={"wspace": 0.06}
    )[0]
    offsets = np.linspace(-0.22, 0.22, len(QUANTILES))
    for axes, measure in zip(panels, measures, strict=True):
        of = [row for row in rows if row["measure"] == measure]
        axes.axvline(0, color=INK, linewidth=1)
        for offset, (end, (label, colour, marker)) in zip(offsets, QUANTILES.items(), strict=True):
            if all(row[f"shift_{end}"] is None for row in of):
                continue  # too few edges for so high a quantile
            at = [sites.index(row["site"]) + offset for row in of]
            value, low, high = (
                np.array([row[f"shift_{end}{side}"] for row in of], dtype=float)
                for side in ("", "_low", "_high")
            )
            axes.hlines(at, low, high, color=colour, linewidth=1.4)
            axes.plot(value, at, marker, color=colour, markersize=5, label=label)
        axes.set_title(f"Largest {measure} of an edge")
        axes.set_xlabel("decades above the untrained model")
        axes.grid(visible=False, axis="y")
        legend_row(axes)
    panels[0].set_yticks(range(len(sites)), sites)
    panels[0].set_ylim(len(sites) - 0.4, -0.6)
    title = "Decades by which quantiles of the largest values of edges moved in training, per site"
    return render(drawn, "shifts", title)
