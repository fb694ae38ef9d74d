"""What a scan found, each drawn on one pair of axes: largest values, maxima, shares, heat maps."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from edgescope.lib.visible_text import visible
from edgescope.plots.axes import STATES, colours, ratio_axis, sorted_graphs, steps, threshold_line
from edgescope.plots.svg import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_TICKS = 8
"""Numbers of heads or channels that are written beside a heat map, at most."""


def draw_largest(
    axes: "Axes",
    largest: Mapping[str, Sequence[float | None]],
    limits: Sequence[float | None],
    labels: Mapping[str, str],
) -> None:
    """Draw the largest ratio or magnitude of every site, trained over untrained.

    Args:
        axes: what to draw on; site ``n`` stands at ``y = n``.
        largest: state to the largest value of every site; what is 0 or None is not drawn.
        limits: the threshold of every site, None where there is none.
        labels: state to its name in the legend.
    """
    places = np.arange(len(limits))
    known = {state: [value or np.nan for value in largest[state]] for state in largest}
    axes.set_xscale("log")
    if "untrained" in known:
        before, after = known["untrained"], known["trained"]
        axes.hlines(places, before, after, color="#BBBBBB", linewidth=1.5, zorder=1)
    for state in STATES:
        if state in known:
            style: dict[str, Any] = {"color": STATES[state], "markersize": 6}
            axes.plot(known[state], places, "o", label=labels[state], **style)
    if len(set(limits)) == 1:
        threshold_line(axes, limits[0], upright=True)
    else:
        style = {"color": INK, "markersize": 13, "markeredgewidth": 1.6, "label": "threshold"}
        axes.plot([limit or np.nan for limit in limits], places, "|", **style)
    axes.grid(visible=False, axis="y")
    ratio_axis(axes.xaxis)


def draw_graph_maxima(
    axes: "Axes",
    maxima: Mapping[str, Mapping[str, Any]],
    threshold: float | None,
    labels: Mapping[str, str],
) -> None:
    """Draw the largest ratio of every graph, sorted, trained over untrained.

    Args:
        axes: what to draw on.
        maxima: state to the ``ratio`` of every filled bin, largest first, and its ``graphs``.
        threshold: a ratio to mark.
        labels: state to its name in the legend.
    """
    sorted_graphs(axes)
    for state, colour in STATES.items():
        found = maxima.get(state)
        if found and found["ratio"]:
            # The line drawn first is wider, to be seen where the other one covers it.
            style = {"color": colour, "linewidth": 3.2 if state == "untrained" else 1.4}
            steps(axes, dict(found), label=labels[state], **style)
    threshold_line(axes, threshold)


def draw_shares(
    axes: "Axes", rows: Sequence[Mapping[str, Any]], what: str, labels: Mapping[str, str]
) -> None:
    """Draw the share of edges over a threshold per edge type, with its interval.

    Args:
        axes: what to draw on.
        rows: ``edge_type``, ``edges``, ``rate``, ``low`` and ``high`` of every type, and with
            ``_untrained`` at the end if there is such a state.
        what: what the axis says, such as ``"edges with a ratio above 1,000"``.
        labels: state to its name in the legend; the states that are drawn.
    """
    place = np.arange(len(rows))
    compared = "untrained" in labels
    width = 0.36 if compared else 0.5
    endings = ({"untrained": "_untrained"} if compared else {}) | {"trained": ""}
    for position, (state, ending) in enumerate(endings.items()):
        at = place + (width * (position - 0.5) if compared else 0)
        rate, low, high = (
            np.array([row[f"{name}{ending}"] for row in rows], dtype=float) * 100
            for name in ("rate", "low", "high")
        )
        axes.barh(at, rate, width, color=STATES[state], alpha=0.85, label=labels[state])
        ends = [np.maximum(rate - low, 0), np.maximum(high - rate, 0)]
        axes.errorbar(rate, at, xerr=ends, fmt="none", color=INK, capsize=3, linewidth=1)
    axes.set_yticks(place, [f"{visible(row['edge_type'])}\n{row['edges']:,}" for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{what} (%)")


def draw_heat_map(axes: "Axes", share: ArrayLike, largest: float) -> "AxesImage":
    """Draw the share of edges over a threshold per head and channel; grey means never.

    Args:
        axes: what to draw on.
        share: shares ``[H, D]``.
        largest: the share of the darkest colour.
    """
    shares = np.asarray(share, dtype=float)
    heads, channels = shares.shape
    image = axes.imshow(
        np.ma.masked_equal(shares, 0),
        cmap=colours(),
        vmin=0,
        vmax=largest,
        aspect="auto",
        interpolation="none",
    )
    axes.grid(visible=False)
    axes.set_xlabel("channel")
    axes.set_ylabel("head")
    axes.set_xticks(range(0, channels, -(-channels // _TICKS)))
    axes.set_yticks(range(0, heads, -(-heads // _TICKS)))
    return image
