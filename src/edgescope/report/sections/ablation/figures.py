"""What replacing activations changes, drawn."""

from typing import Any

from edgescope.plots.axes import legend_row
from edgescope.plots.forests import draw_ablation, replaced, sites_of
from edgescope.plots.svg import WIDE, figure, label_width, render


def ablation_figure(section: dict[str, Any]) -> str:
    """Draw what replacing the chosen activations changes at every site, beside the controls."""
    rows = replaced(section["table"])
    names = sites_of(rows)
    drawn = figure(WIDE, 1.15 + 0.5 * len(names), (label_width(names), 0.15, 0.5, 0.5))
    axes = drawn.subplots()
    draw_ablation(axes, rows, section["axis"], section["label"])
    what = section["label"][0].upper() + section["label"][1:]
    axes.set_title(f"{what} when activations are replaced")
    legend_row(axes)
    title = f"{what} when activations are replaced, per site, with 95 % intervals"
    return render(drawn, "ablation", title)
