"""The panels of the published figures from rows of result tables, for studies and for claims."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.plots.axes import STATES, sorted_graphs, threshold_line
from edgescope.plots.ratio_histogram import draw_ratio_histogram, say_failures
from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.study.measures.ratio_laws import WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike


class Line(NamedTuple):
    """Largest ratios of the graphs of a layer, sorted."""

    share: "ArrayLike"
    """How many of the graphs have more, in percent."""
    ratio: "ArrayLike"


class Band(NamedTuple):
    """The range of several such lines."""

    share: "ArrayLike"
    low: "ArrayLike"
    high: "ArrayLike"


def draw_maxima(axes: "Axes", untrained: Band | None, trained: Sequence[Line]) -> None:
    """Draw trained layers, lighter the earlier they are, over the range of all untrained ones."""
    sorted_graphs(axes)
    if untrained is not None:
        style: dict[str, Any] = {"color": STATES["untrained"], "alpha": 0.3, "linewidth": 0}
        axes.fill_between(*untrained, label="untrained layers", **style)
    for place, line in enumerate(trained, 1):
        axes.plot(
            *line,
            color=STATES["trained"],
            alpha=0.25 + 0.75 * place / len(trained),
            linewidth=1.2,
            label="trained layers" if place == len(trained) else None,
        )
    threshold_line(axes, PAPER_RATIO)


def draw_counts(axes: "Axes", counted: pl.DataFrame, fitted: pl.DataFrame) -> None:
    """Draw the histogram of one layer's ratios, before and after training, with the gamma laws.

    Args:
        axes: what to draw on.
        counted: rows of the table ``histogram``; those of several seeds are summed.
        fitted: rows of the table ``laws``; of several seeds that with the median distance is drawn.
    """
    numbers = (counted["log_ratio"] / WIDTH).round().cast(pl.Int64).to_numpy()
    low, high = int(numbers.min()), int(numbers.max())
    edges = WIDTH * np.arange(low - 1, high + 1, dtype=np.float64)
    densities: dict[str, NDArray[np.float64]] = {}
    for state in STATES:
        of = (counted["state"] == state).to_numpy()
        if of.any():
            weights = counted["count"].to_numpy()[of].astype(np.float64)
            sums = np.bincount(numbers[of] - low, weights, minlength=high - low + 1)
            densities[state] = sums / sums.sum() / WIDTH
    laws = {state: _law(fitted.filter(state=state)) for state in densities}
    labels = {state: state for state in densities}
    draw_ratio_histogram(axes, edges, densities, laws, PAPER_RATIO, labels, logarithmic=True)
    say_failures(axes, laws)


def _law(fitted: pl.DataFrame) -> dict[str, Any]:
    """Return the law with the median distance; with a problem if there is none."""
    found = fitted.filter(pl.col("ks").is_not_null()).sort("ks")
    if not found.height:
        return {"problem": "no law"}
    return {**found.row((found.height - 1) // 2, named=True), "problem": ""}


def shares_of(heat: pl.DataFrame) -> NDArray[np.float64]:
    """Return the share of massive edges ``[heads, channels]`` from rows of the table ``heat``."""
    heads, channels = (heat[name].sort()[-1] + 1 for name in ("head", "channel"))
    share = np.zeros((heads, channels))
    places = heat["head"].to_numpy(), heat["channel"].to_numpy()
    share[places] = heat["massive"].to_numpy() / heat["edges"].to_numpy()
    return share
