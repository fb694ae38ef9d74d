"""How far predictions move as bonds are removed, a line per method, on one pair of axes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgescope.plots.axes import DASHES, EDGE_TYPES
from edgescope.plots.svg import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDES = {
    "plus": "Fidelity+: the most important bonds removed first",
    "minus": "Fidelity-: the least important bonds removed first",
}

MEASURES = {
    "change": "mean change of the prediction",
    "drop": "mean drop of the probability",
    "label": "share of predicted labels that change",
}

_STYLES = ("-", (0, (4, 1.5)), (0, (1.5, 1.5)))
"""Lines of the first six methods, of the next, and of those after them."""

Values = Sequence[float | None]


def draw_fidelity(axes: "Axes", shares: Sequence[float], of: Mapping[str, Values]) -> None:
    """Draw a line per method.

    Args:
        axes: what to draw on.
        shares: shares of the bonds that are removed.
        of: method to what is measured at every share; ``"random"`` is drawn as a reference.
    """
    at = [100 * share for share in shares]
    for place, method in enumerate(method for method in of if method != "random"):
        again, number = divmod(place, len(EDGE_TYPES))
        colour, marker = EDGE_TYPES[number]
        style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4}
        style |= {"markevery": 4, "linewidth": 1.4, "linestyle": _STYLES[again % len(_STYLES)]}
        axes.plot(at, _known(of[method]), label=method, **style)
    if "random" in of:
        style = {"color": INK, "linestyle": DASHES, "linewidth": 2.2}
        axes.plot(at, _known(of["random"]), label="random", **style)
    axes.set_xlabel("bonds removed (%)")
    axes.set_xlim(0, 100)


def _known(values: Values) -> list[float]:
    return [np.nan if value is None else value for value in values]
