"""What replacing activations changes, drawn."""

from typing import Any

import numpy as np

from edgescope.plots.axes import BLUE, GREEN, PURPLE, VERMILION, legend_row
from edgescope.plots.svg import INK, WIDE, figure, label_width, render

SELECTIONS = {
    "chosen": ("chosen", VERMILION, "o"),
    "number": ("as many at random", BLUE, "s"),
    "magnitude": ("next in magnitude", GREEN, "^"),
    "edge_type": ("same edge types", PURPLE, "D"),
}
"""Name, colour and marker of what is replaced."""


def shown(section: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of what was replaced; of controls of nothing there are no numbers."""
    return [row for row in section["table"] if row["draws"] and row["activations"]]


def ablation_figure(section: dict[str, Any]) -> str:
    """Draw what replacing the chosen activations changes at every site, beside the controls."""
    axis, rows = section["axis"], shown(section)
    sites = list(dict.fromkeys(row["site"] for row in rows))
    present = [name for name in SELECTIONS if any(row["selection"] == name for row in rows)]
    shift = np.linspace(-0.27, 0.27, len(present)) if len(present) > 1 else [0.0]
    names = ["all together" if site == "all" else site for site in sites]
    drawn = figure(WIDE, 1.15 + 0.5 * len(sites), (label_width(names), 0.15, 0.5, 0.5))
    axes = drawn.subplots()
    axes.axvline(0, color=INK, linewidth=1)
    for offset, name in zip(shift, present, strict=True):
        label, colour, marker = SELECTIONS[name]
        of = [row for row in rows if row["selection"] == name]
        at = [sites.index(row["site"]) + offset for row in of]
        value, low, high = (
            np.array([row[f"{axis}{end}"] for row in of], dtype=float)
            for end in ("", "_low", "_high")
        )
        axes.hlines(at, low, high, color=colour, linewidth=1.6)
        axes.plot(value, at, marker, color=colour, markersize=5.5, label=label)
    axes.set_yticks(range(len(sites)), names)
    axes.set_ylim(len(sites) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(section["label"])
    what = section["label"][0].upper() + section["label"][1:]
    axes.set_title(f"{what} when activations are replaced")
    legend_row(axes)
    title = f"{what} when activations are replaced, per site, with 95 % intervals"
    return render(drawn, "ablation", title)
