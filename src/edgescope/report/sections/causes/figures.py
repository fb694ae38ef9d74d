"""What single units do, and the path of massive activations, drawn."""

from math import radians, sin
from typing import Any

from edgescope.plots.axes import legend_row
from edgescope.plots.cause_panels import SLANT, draw_path, draw_units
from edgescope.plots.svg import WIDE, figure, label_width, render


def units_figure(section: dict[str, Any]) -> str:
    """Draw what each unit alone takes away and makes."""
    rows = section["units"]
    names = list(dict.fromkeys(row["unit"] for row in rows))
    drawn = figure(WIDE, 1.25 + 0.36 * len(names), (label_width(names), 0.15, 0.5, 0.5))
    axes = drawn.subplots()
    draw_units(axes, rows)
    legend_row(axes)
    title = f"Share of the massive edges that single {section['level']}s take away and make"
    axes.set_title(title)
    return render(drawn, "causes-units", f"{title}, with 95 % intervals")


def path_figure(section: dict[str, Any]) -> str:
    """Draw which share of the massive edges of each site is left after patching another."""
    path = section["path"]
    names = path["patched"]
    below = 0.4 + label_width(path["sites"]) * sin(radians(SLANT))
    margins = label_width(names) + 0.25, 0.15, below, 0.4
    drawn = figure(WIDE, 0.6 + below + 0.36 * len(names), margins)
    axes = drawn.subplots()
    draw_path(axes, names, path["sites"], path["shares"])
    title = "Massive edges left after a site is patched with untrained values"
    axes.set_title(title)
    return render(drawn, "causes-path", title)
