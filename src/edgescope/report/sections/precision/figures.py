"""What lower precision does, drawn: the cost of every format, and the headroom of every site."""

from typing import Any

import numpy as np

from edgescope.lib.visible_text import visible
from edgescope.plots.axes import BLUE, DASHES, GREEN, PURPLE, VERMILION, legend_row, signed_x_axis
from edgescope.plots.formats import number
from edgescope.plots.svg import INK, WIDE, figure, label_width, render
from edgescope.report.sections.precision.numbers import drawable

REMEDIES = {
    "none": ("as it is", VERMILION, "o"),
    "clip": ("clip", BLUE, "s"),
    "mean": ("mean", GREEN, "^"),
    "fold": ("fold", PURPLE, "D"),
}
"""Name, colour and marker of what is tried in a format."""

FORMATS = {"float16": (VERMILION, "o"), "float8 e4m3": (GREEN, "^")}
"""Colour and marker of the formats whose headroom is drawn. bfloat16 reaches as far as float32, and
float8 e5m2 nearly as far as float16."""


def cost_figure(section: dict[str, Any]) -> str:
    """Draw how much the metric changes in every format, with what was tried, beside float32."""
    rows, axis = drawable(section), section["axis"]
    formats = list(dict.fromkeys(row["format"] for row in rows))
    present = [name for name in REMEDIES if any(row["remedy"] == name for row in rows)]
    shift = np.linspace(-0.27, 0.27, len(present)) if len(present) > 1 else [0.0]
    drawn = figure(WIDE, 1.25 + 0.5 * len(formats), (label_width(formats), 0.15, 0.5, 0.5))
    axes = drawn.subplots()
    axes.axvline(0, color=INK, linewidth=1)
    margin = section["worse"] * section["info"]["margin"]
    most = f"most a safe one loses, {number(abs(margin))}"
    axes.axvline(margin, color=INK, linewidth=1, linestyle=DASHES, label=most)
    for offset, name in zip(shift, present, strict=True):
        of = [row for row in rows if row["remedy"] == name]
        at = [formats.index(row["format"]) + offset for row in of]
        value, low, high = (
            np.array([row[f"{axis}{end}"] for row in of], dtype=float)
            for end in ("", "_low", "_high")
        )
        words, colour, marker = REMEDIES[name]
        axes.hlines(at, low, high, color=colour, linewidth=1.6)
        axes.plot(value, at, marker, color=colour, markersize=5.5, label=words)
    axes.set_yticks(range(len(formats)), formats)
    axes.set_ylim(len(formats) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(section["label"])
    title = section["label"][0].upper() + section["label"][1:]
    axes.set_title(f"{title} in every format, against float32")
    if margin:  # what matters is on which side of it the intervals are, however wide some are
        signed_x_axis(axes, abs(margin))
    legend_row(axes, columns=5)
    return render(drawn, "precision-cost", f"{title} per format, with 95 % intervals")


def headroom_figure(section: dict[str, Any]) -> str:
    """Draw the bits between the largest magnitude of every place and the end of formats."""
    rows = [row for row in section["headroom"] if row["largest"]]
    names = [visible(row["place"]) or "the model" for row in rows]
    drawn = figure(WIDE, 1.25 + 0.3 * len(rows), (label_width(names), 0.15, 0.5, 0.5))
    axes = drawn.subplots()
    axes.axvline(0, color=INK, linewidth=1)
    for name, (colour, marker) in FORMATS.items():
        bits = [row["bits"].get(name) for row in rows]
        axes.plot(bits, range(len(rows)), marker, color=colour, markersize=5.5, label=name)
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("bits (doublings) to the largest number of the format")
    axes.set_title("Headroom of every site, and of the outputs with the least")
    legend_row(axes)
    title = "Headroom in bits per site and format; left of 0 the format overflows"
    return render(drawn, "precision-headroom", title)
