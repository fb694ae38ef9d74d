"""Figures of a leaderboard: fidelity over sparsity, and how far methods agree."""

from typing import Any

import numpy as np

from edgescope.lib.optional import require
from edgescope.plots.fidelity_lines import MEASURES, SIDES, draw_fidelity
from edgescope.plots.svg import INK, WIDE, figure, label_width, render

_DIVERGING = "RdBu_r"
"""Red for agreement, blue for the reverse: told apart with any kind of colour vision."""

_READABLE = 0.65
"""Correlations beyond this are so dark that their number is white."""


def fidelity_curves(subject: dict[str, Any], measure: str) -> str:
    """Draw how far predictions move as bonds are removed, a line per method.

    Args:
        subject: an entry of the report's ``attribution["subjects"]``.
        measure: what is measured.
    """
    curves = subject["curves"]
    right = label_width([*subject["matrix"]["methods"], "random"]) + 0.5
    drawn = figure(WIDE, 4.1, (0.7, right, 0.5, 0.35))
    panels = drawn.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.06})
    for axes, (side, title) in zip(panels, SIDES.items(), strict=True):
        # In the order of one side, so that a method has one colour.
        of = {method: curves[side][method] for method in curves["plus"] if method in curves[side]}
        draw_fidelity(axes, curves["shares"], of)
        axes.set_title(title, pad=8)
    panels[0].set_ylabel(MEASURES[measure])
    panels[1].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    title = f"Fidelity over the share of bonds removed, by method, {subject['title']}"
    return render(drawn, f"{subject['id']}-fidelity", title)


def disagreement(subject: dict[str, Any]) -> str:
    """Draw the rank correlation of every two methods, with the number in each cell.

    Args:
        subject: an entry of the report's ``attribution["subjects"]``.
    """
    matrix = subject["matrix"]
    methods = matrix["methods"]
    values = np.array(matrix["correlation"], dtype=float)
    size = len(methods)
    # Always as wide as the page, or a small one would be scaled up with it.
    left = max(label_width(methods), 1.2)
    cell = min(0.78, (WIDE - left - 0.5) / size)
    drawn = figure(
        WIDE, 0.42 * size + 0.7 * left + 0.4, (left, WIDE - left - cell * size, 0.7 * left, 0.4)
    )
    axes = drawn.subplots()
    colours = require("matplotlib", "report").colormaps[_DIVERGING].with_extremes(bad="#EDEDED")
    axes.imshow(
        np.ma.masked_invalid(values),
        cmap=colours,
        vmin=-1,
        vmax=1,
        aspect="auto",
        interpolation="none",
    )
    for row, column in np.ndindex(size, size):
        value = float(values[row, column])
        text = "\N{EN DASH}" if np.isnan(value) else f"{round(value, 2) + 0.0:.2f}"
        colour = "white" if abs(value) > _READABLE else INK
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(size), methods, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), methods)
    axes.grid(visible=False)
    axes.set_title("Rank correlation of importances", pad=8)
    title = f"Rank correlation of the importances of every two methods, {subject['title']}"
    return render(drawn, f"{subject['id']}-disagreement", title)
