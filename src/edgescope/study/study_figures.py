"""The figures of a study: the published grid, and prevalence against the test metric."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgescope.lib.errors import InputError
from edgescope.lib.files import replacing, writable_folder
from edgescope.lib.optional import require
from edgescope.lib.task_metrics import known_metric
from edgescope.plots.axes import (
    EDGE_TYPES,
    STATES,
    legend_row,
    ratio_axis,
    sorted_graphs,
    threshold_line,
)
from edgescope.plots.svg import figure, settings
from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.statistics.sketch import SiteSketch
from edgescope.study import study_tables as tables
from edgescope.study.cells import UNTRAINED
from edgescope.study.study_store import Finished, Study

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")

POINTS = 200
"""Quantiles at which the curve of a layer is drawn."""

_PANEL = (4.2, 2.6)
"""Width and height of a panel in inches."""

_MARGINS = (0.8, 0.2, 0.55, 0.55)
_GAP = 0.75
"""Inches between panels."""


def write_figures(study: Study, out: str | Path, suffix: str = "svg") -> list[Path]:
    """Draw all figures of a study, and return the files.

    Args:
        study: see :func:`edgescope.study.load`.
        out: the folder to write to.
        suffix: ``"svg"``, ``"png"`` or ``"pdf"``.

    Raises:
        InputError: if there is no such format, if the folder cannot be written to, or if no
            trained cell is done.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import edgescope as es
        >>> es.study.write_figures(es.study.load("study"), "figures")  # doctest: +SKIP
        [PosixPath('figures/grid.svg'), PosixPath('figures/prevalence.svg')]
    """
    if suffix not in FORMATS:
        raise InputError(f"received the format {suffix!r}, expected one of {', '.join(FORMATS)}")
    folder = writable_folder(Path(out))
    with settings():
        return [
            _save(grid(study), folder / f"grid.{suffix}"),
            _save(scatter(tables.cells(study)), folder / f"prevalence.{suffix}"),
        ]


def grid(study: Study) -> "Figure":
    """Draw base against trained: a row per model and state, a column per data set.

    A panel shows the largest ratio of every graph, sorted: a line for each trained layer, lighter
    the earlier it is, over the range of all untrained layers. Graphs of all seeds are joined. It
    is the published figure, whose batches are of one graph each.

    Raises:
        InputError: if no trained cell is done.
    """
    trained = [done for done in study.finished if done.cell.state != UNTRAINED]
    if not trained:
        raise InputError(f"no trained cell of the study in {study.out} is done, nothing to draw")
    rows = list(dict.fromkeys((done.cell.label, done.cell.state) for done in trained))
    columns = list(dict.fromkeys(done.cell.data for done in trained))
    drawn, panels = _panels(len(rows), len(columns))
    for (model, state), line in zip(rows, panels, strict=True):
        for data, axes in zip(columns, line, strict=True):
            same = [
                done
                for done in trained
                if (done.cell.label, done.cell.state, done.cell.data) == (model, state, data)
            ]
            _panel(axes, same)
            axes.set_title(f"{model} on {data}, {tables.STATES[state]}")
    # A model may lack the first data set, and its panel is empty then.
    legend_row(next(axes for axes in drawn.axes if axes.lines))
    return drawn


def scatter(every: "pl.DataFrame") -> "Figure":
    """Draw the test metric of every trained cell over its prevalence, a panel per data set.

    Args:
        every: from :func:`edgescope.study.study_tables.cells`.
    """
    found = every.filter(every["metric"].is_not_null())
    groups = found.partition_by("data", "metric", maintain_order=True)
    kinds = list(dict.fromkeys(found.select("model", "state").iter_rows()))
    drawn, panels = _panels(1, max(len(groups), 1))
    for group, axes in zip(groups, panels[0], strict=False):
        for number, (model, state) in enumerate(kinds):
            cells = group.filter(model=model, state=state)
            colour, marker = EDGE_TYPES[number % len(EDGE_TYPES)]
            label = f"{model}, {tables.STATES[state]}"
            prevalence = 100 * cells["prevalence"].to_numpy()
            axes.plot(prevalence, cells["value"], marker, color=colour, label=label)
        axes.set_xlabel(f"edges with a ratio above {PAPER_RATIO:g} (%)")
        axes.set_ylabel(f"test {known_metric(group['metric'][0]).words}")
        axes.set_title(group["data"][0])
    legend_row(panels[0, 0], columns=2)
    return drawn


def _panels(rows: int, columns: int) -> "tuple[Figure, NDArray[np.object_]]":
    """Return a figure with panels of a fixed size ``[rows, columns]``."""
    wide, high = _PANEL
    left, right, bottom, top = _MARGINS
    width = left + right + columns * wide + (columns - 1) * _GAP
    height = bottom + top + rows * high + (rows - 1) * (_GAP + top)
    drawn = figure(width, height, _MARGINS)
    space = {"wspace": _GAP / wide, "hspace": (_GAP + top) / high}
    return drawn, drawn.subplots(rows, columns, squeeze=False, gridspec_kw=space)


def _panel(axes: "Axes", same: Sequence[Finished]) -> None:
    """Draw the cells of one model, state and data set that differ in their seeds."""
    sorted_graphs(axes)
    ratio_axis(axes.yaxis)
    if not same:
        axes.set_axis_off()
        return
    scans = [done.scan() for done in same]
    share = np.linspace(0, 100, POINTS)
    before = [scan.baseline for scan in scans if scan.baseline is not None]
    if before:
        curves = np.stack([_curve([one[site] for one in before]) for site in before[0].sites])
        low, high = np.nanmin(curves, axis=0), np.nanmax(curves, axis=0)
        colour = STATES["untrained"]
        axes.fill_between(
            share, low, high, color=colour, alpha=0.3, linewidth=0, label="untrained layers"
        )
    sites = list(scans[0].sites)
    for number, site in enumerate(sites, 1):
        label = "trained layers" if number == len(sites) else None
        axes.plot(
            share,
            _curve([scan[site] for scan in scans]),
            color=STATES["trained"],
            alpha=0.25 + 0.75 * number / len(sites),
            linewidth=1.2,
            label=label,
        )
    threshold_line(axes, PAPER_RATIO)


def _curve(sketches: Sequence[SiteSketch]) -> NDArray[np.float64]:
    """Return the largest ratio per graph, sorted, largest first ``[POINTS]``; NaN without any."""
    bins = sketches[0].layout.ratio
    every = np.stack([sketch.counts["graph_ratio"].numpy() for sketch in sketches])
    counts = every.sum(axis=0)[::-1]
    total = counts.sum()
    if not total:
        return np.full(POINTS, np.nan)
    ranks = np.clip(np.ceil(np.linspace(0, 1, POINTS) * total), 1, total)
    found: NDArray[np.float64] = bins.centres[::-1][np.searchsorted(counts.cumsum(), ranks)]
    return found


def _save(drawn: "Figure", path: Path) -> Path:
    """Write a figure, with the same bytes every time; the file is whole or absent."""
    require("matplotlib", "report")
    suffix = path.suffix[1:]
    empty = {"svg": ("Creator", "Date"), "pdf": ("Creator", "CreationDate"), "png": ("Software",)}
    metadata = dict.fromkeys(empty[suffix])
    with replacing(path) as temporary:
        drawn.savefig(temporary, format=suffix, metadata=metadata, facecolor="white", dpi=150)
    return path
