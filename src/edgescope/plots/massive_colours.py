"""Which colour of a bond or an edge says how massive it is, and the legend that says so."""

import math
from collections.abc import Collection

from edgescope.plots.axes import colour_bar, ratio_tick
from edgescope.plots.formats import number
from edgescope.plots.molecules import SHADES, shade
from edgescope.plots.svg import figure, render

MEASURES = {"ratio": "largest ratio on the bond", "excess": "times over the site's threshold"}
"""What the colour of a bond may tell."""

Scale = tuple[float, float]
"""The smallest and the largest value that have colours of their own; those between lie on a
logarithmic scale."""


def scale_of(sizes: Collection[float]) -> Scale:
    """Return the scale from the smallest to the largest of some values."""
    low, high = min(sizes), max(sizes)
    return low, max(high, 1.01 * low)


def colour_of(size: float, scale: Scale) -> tuple[float, float, float]:
    """Return red, green and blue of a value."""
    low, high = scale
    return shade(math.log(size / low) / math.log(high / low))


def scale_legend(scale: Scale, label: str, name: str, title: str) -> str:
    """Draw which colour means what.

    Args:
        scale: the scale.
        label: what is measured.
        name: prefix of the drawing's ids.
        title: what it shows, for those who cannot see it.
    """
    low, high = scale
    drawn = figure(4.2, 0.7, margins=(0.3, 0.3, 0.46, 0.05))
    axes = drawn.subplots()
    start, end = math.log10(low), math.log10(high)
    colour_bar(axes, start, end, upright=False, part=SHADES)
    # The ends, and the powers of ten that keep clear of them.
    inner = range(math.ceil(start + 0.25), math.floor(end - 0.25) + 1)
    axes.set_xticks([start, *inner, end], [number(low), *map(_power, inner), number(high)])
    axes.set_xlabel(f"{label}, logarithmic")
    return render(drawn, name, title)


def _power(exponent: int) -> str:
    return ratio_tick(10.0**exponent)
