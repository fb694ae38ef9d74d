"""Variants of one recipe side by side: a line for each, a panel for each measure, every seed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.lib.errors import InputError
from edgescope.lib.task_metrics import known_metric
from edgescope.lib.visible_text import visible
from edgescope.plots.axes import BLUE, DASHES, VERMILION, legend_row, ratio_axis
from edgescope.plots.svg import INK, figure, label_width
from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.study.mitigation import FORMATS, mitigation_seeds
from edgescope.study.study_store import Study
from edgescope.study.study_tables import STATES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = 2.2
"""Width of a panel in inches."""


class Panel(NamedTuple):
    """One measure of every variant.

    Attributes:
        column: of :func:`~edgescope.study.mitigation.mitigation_seeds`.
        words: what the axis says.
        scale: what numbers are multiplied by.
        log: whether the axis is logarithmic.
    """

    column: str
    words: str
    scale: float = 1.0
    log: bool = False


def mitigation_panels(study: Study) -> Iterator[tuple[str, "Figure"]]:
    """Draw what variants do, a figure per architecture and data set.

    A point is a seed, a line mean and standard deviation of the seeds; of growth median, least and
    most. A broken line is what guessing gets of the metric. Losses in a number format are above 0
    where it is worse than float32; beside them stands how many seeds overflow.

    Yields:
        ``MODEL-DATA`` and the figure.

    Raises:
        InputError: if the study has no variants, or scans are not there any more.
    """
    if not any(cell.variant for cell in study.cells):
        raise InputError(f"the study in {study.out} has no variants of a recipe to draw")
    if not all(done.has_scan for done in study.finished):
        raise InputError(
            f"the figure mitigation is read from scans, and not all are in {study.out}; run the "
            "study again, or draw it where the cells' folders are"
        )
    every = mitigation_seeds(study)
    for group in every.partition_by("model", "data", "metric", maintain_order=True):
        model, data, metric = (str(group[key][0]) for key in ("model", "data", "metric"))
        yield f"{model}-{data}", _drawn(group, metric, f"{model}, {data}")


def _drawn(group: pl.DataFrame, metric: str, title: str) -> "Figure":
    known = known_metric(metric)
    better = "higher" if known.higher_is_better else "lower"
    shown = [
        Panel("value", f"test {known.words}\n({better} is better)"),
        Panel("prevalence", f"edges with a ratio\nabove {PAPER_RATIO:g} (%)", 100),
        Panel("growth", "largest magnitude over\nuntrained median", log=True),
        *(Panel(f"{name}_loss", f"{known.words} lost\nin {name}") for name in FORMATS),
    ]
    shown = [each for each in shown if len(_numbers(group, each))]
    lines = group.partition_by("variant", "state", maintain_order=True)
    labels = [_label(of) for of in lines]
    left = label_width(labels)
    width = left + len(shown) * PANEL + 0.4
    drawn = figure(width, 1.5 + 0.28 * len(lines), (left, 0.3, 0.75, 0.55))
    places = drawn.subplots(1, len(shown), sharey=True, squeeze=False, gridspec_kw={"wspace": 0.22})
    for axes, panel in zip(places[0], shown, strict=True):
        for place, of in enumerate(lines):
            _line(axes, panel, of, place, len(lines))
        if panel.column == "value" and (guess := group["guess"].mean()) is not None:
            axes.axvline(guess, color=INK, linewidth=1, linestyle=DASHES, label="guessing")
        if panel.column.endswith("_loss"):
            axes.axvline(0, color=INK, linewidth=1)
        if panel.log:
            decades = np.log10(_numbers(group, panel))
            axes.set_xscale("log")
            axes.set_xlim(10 ** np.floor(decades.min()), 10 ** np.ceil(decades.max() + 1e-9))
            ratio_axis(axes.xaxis)
        if panel.column == "prevalence":
            axes.set_xlim(0, max(axes.get_xlim()[1], 0.01))
        axes.set_xlabel(panel.words)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="x", labelsize=7)
    places[0, 0].set_yticks(range(len(lines)), list(map(visible, labels)))
    places[0, 0].set_ylim(len(lines) - 0.4, -0.6)
    drawn.suptitle(title, x=left / width, y=0.99, ha="left", fontsize=9)
    legend_row(places[0, 0], columns=3)
    return drawn


def _label(of: pl.DataFrame) -> str:
    variant, state = of["variant"][0], of["state"][0]
    return variant or ("as the recipe has it" if state == "trained" else STATES[state])


def _numbers(of: pl.DataFrame, panel: Panel) -> NDArray[np.float64]:
    """Return what is drawn of some cells: what is known, on a logarithmic axis above 0."""
    values = panel.scale * of[panel.column].cast(pl.Float64).to_numpy()
    known = np.isfinite(values) & ((values > 0) | (not panel.log))
    found: NDArray[np.float64] = values[known]
    return found


def _line(axes: "Axes", panel: Panel, of: pl.DataFrame, place: int, lines: int) -> None:
    """Draw the seeds of a variant and their spread."""
    values = _numbers(of, panel)
    first = place == 0
    if len(values):
        middle = float(np.median(values) if panel.log else values.mean())
        half = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        ends = (middle - half, middle + half)
        if panel.log:
            ends = float(values.min()), float(values.max())
        seed = "a seed" if first else None
        axes.plot(values, [place + 0.2] * len(values), ".", color=BLUE, label=seed)
        axes.hlines(place, *ends, color=VERMILION, linewidth=1.8)
        label = "mean and spread" if first else None
        axes.plot([middle], [place], "o", color=VERMILION, markersize=5, label=label)
    name = panel.column.removesuffix("_loss")
    over = of[f"{name}_overflows"].sum() if name in FORMATS else 0
    if over:
        at = 1 - (place + 0.6) / (lines + 0.2)
        text = f"overflows {over} of {len(of)}"
        axes.text(1, at, text, transform=axes.transAxes, ha="right", va="center", fontsize=7)
