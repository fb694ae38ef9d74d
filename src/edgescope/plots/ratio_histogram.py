"""The histogram of a site's ratios, with the gamma laws fitted to it, on one pair of axes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgescope.plots.axes import DASHES, LAWS, STATES, ratio_axis, ratio_tick
from edgescope.plots.formats import number
from edgescope.plots.svg import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = 0.9999
"""Share of the ratios that the histogram reaches down to; the largest are always shown."""

Array = NDArray[np.float64]


def draw_ratio_histogram(
    axes: "Axes",
    y: Array,
    densities: Mapping[str, Array],
    laws: Mapping[str, Mapping[str, Any]],
    threshold: float | None,
    labels: Mapping[str, str],
    *,
    logarithmic: bool,
) -> None:
    """Draw the histogram of -log10(ratio), trained over untrained, and the laws.

    Args:
        axes: what to draw on.
        y: edges of the bars, rising ``[n + 1]``.
        densities: state to the density of every bar per decade ``[n]``.
        laws: state to the fields of its :class:`~edgescope.statistics.gamma.GammaFit`.
        threshold: a ratio to mark.
        labels: state to its name in the legend.
        logarithmic: whether densities are drawn on a logarithmic scale.
    """
    limits = _limits(y, densities, threshold)
    for state, density in densities.items():
        _bars(axes, y, density, limits, STATES[state], labels[state])
    for state in densities:
        _law(axes, laws[state], limits, state, labels[state])
    if threshold is not None:
        label = f"threshold {number(threshold)}"
        axes.axvline(-np.log10(threshold), color=INK, lw=1, ls=DASHES, label=label)
    axes.set_xlim(*limits)
    axes.set_xlabel("y = -log10(ratio); massive to the left")
    _ratio_on_top(axes)
    if logarithmic:
        _logarithmic(axes, densities)
    else:
        axes.set_ylabel("density per decade")
        axes.set_ylim(bottom=0)


def say_failures(axes: "Axes", laws: Mapping[str, Mapping[str, Any]]) -> None:
    """Say on axes for which states no law was found."""
    failed = [state for state in STATES if laws.get(state, {}).get("problem")]
    if failed:
        text = f"no gamma law fits ({' and '.join(failed)})"
        axes.text(0.98, 0.95, text, transform=axes.transAxes, ha="right", va="top", fontsize=8.5)


def _limits(
    y: Array, densities: Mapping[str, Array], threshold: float | None
) -> tuple[float, float]:
    """Return the range of y: all large ratios, all but a few of the small ones."""
    low, high = -np.log10(threshold or 1.0) - 0.3, 1.0
    for density in densities.values():
        filled = np.flatnonzero(density)
        if len(filled):
            share = np.cumsum(density * np.diff(y))
            low = min(low, float(y[filled[0]]) - 0.15)
            high = max(high, float(y[1:][np.searchsorted(share, _SHOWN * share[-1])]))
    return low, high


def _bars(
    axes: "Axes",
    y: Array,
    density: Array,
    limits: tuple[float, float],
    colour: str,
    label: str,
) -> None:
    seen = np.flatnonzero((y[1:] >= limits[0]) & (y[:-1] <= limits[1]))
    part = slice(seen[0], seen[-1] + 1)
    edges = y[part.start : part.stop + 1]
    axes.stairs(density[part], edges, fill=True, alpha=0.22, baseline=0, color=colour)
    axes.stairs(density[part], edges, linewidth=1.3, baseline=None, color=colour, label=label)


def _law(
    axes: "Axes", fit: Mapping[str, Any], limits: tuple[float, float], state: str, label: str
) -> None:
    if fit["problem"]:
        return
    from scipy.stats import gamma

    y = np.linspace(*limits, 300)
    density = gamma.pdf(y, fit["shape"], fit["loc"], fit["scale"])
    axes.plot(
        y,
        np.where(density > 0, density, np.nan),
        color=LAWS[state],
        linewidth=1.4,
        linestyle=(0, (6, 2)) if state == "trained" else (0, (2, 1.5)),
        label=f"gamma law, {label} (KS {number(fit['ks'])})",
    )


def _ratio_on_top(axes: "Axes") -> None:
    """Label the top of the frame with the ratios that belong to y."""
    low, high = axes.get_xlim()
    step = max(1, round((high - low) / 7))
    decades = [decade for decade in range(-60, 61, step) if low <= -decade <= high]
    top = axes.secondary_xaxis("top")
    top.set_xticks([-decade for decade in decades], [ratio_tick(10.0**d) for d in decades])
    top.set_xlabel("ratio")


def _logarithmic(axes: "Axes", densities: Mapping[str, Array]) -> None:
    axes.set_yscale("log")
    filled = np.concatenate([[1.0], *(density[density > 0] for density in densities.values())])
    axes.set_ylim(filled.min() / 2, filled.max() * 3)
    ratio_axis(axes.yaxis)
    axes.set_ylabel("density per decade, log scale")
