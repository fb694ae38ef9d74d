"""The figures of a study: the published grid, prevalence against the test metric, and others."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.files import writable_folder
from edgescope.lib.task_metrics import known_metric
from edgescope.plots.axes import EDGE_TYPES, STATES, legend_row
from edgescope.plots.svg import settings
from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.statistics.sketch import SiteSketch
from edgescope.study import study_tables as tables
from edgescope.study.cells import UNTRAINED
from edgescope.study.figure_panels import panels, save_figure
from edgescope.study.mitigation_figures import mitigation_panels
from edgescope.study.published_panels import Band, Line, draw_maxima
from edgescope.study.result_figures import heat_maps, histograms, table_of
from edgescope.study.study_store import Finished, Study

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")

POINTS = 200
"""Quantiles at which the curve of a layer is drawn."""

FIGURES = ("grid", "prevalence", "histograms", "heat-maps", "mitigation")
"""Names of the figures; the last three are several, for each model and data set."""


def write_figures(
    study: Study,
    out: str | Path,
    suffix: str = "svg",
    names: Sequence[str] = ("grid", "prevalence"),
) -> list[Path]:
    """Draw figures of a study, and return the files; nothing is run.

    Args:
        study: see :func:`edgescope.study.load`.
        out: the folder to write to.
        suffix: ``"svg"``, ``"png"`` or ``"pdf"``.
        names: which: ``"grid"``, ``"prevalence"``, ``"histograms"``, ``"heat-maps"``,
            ``"mitigation"``. Histograms and heat maps are ``NAME-MODEL-DATA-STATE``, and drawn from
            the result tables; variants side by side are ``mitigation-MODEL-DATA``.

    Raises:
        InputError: if there is no such format or figure, if the folder cannot be written to, if no
            trained cell is done, or if a result table is missing.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import edgescope as es
        >>> es.study.write_figures(es.study.load("study"), "figures")  # doctest: +SKIP
        [PosixPath('figures/grid.svg'), PosixPath('figures/prevalence.svg')]
    """
    if suffix not in FORMATS:
        raise InputError(f"received the format {suffix!r}, expected one of {', '.join(FORMATS)}")
    for name in names:
        if name not in FIGURES:
            hint = did_you_mean(name, FIGURES, f"expected one of {', '.join(FIGURES)}")
            raise InputError(f"there is no figure {name!r}, {hint}")
    folder = writable_folder(Path(out))
    with settings():
        return [
            save_figure(drawn, folder / f"{file}.{suffix}")
            for name in names
            for file, drawn in _drawn(study, name)
        ]


def _drawn(study: Study, name: str) -> "Iterator[tuple[str, Figure]]":
    """Yield the name of every file of a figure, and what is on it."""
    if name == "grid":
        yield name, grid(study)
    elif name == "prevalence":
        yield name, scatter(tables.cells(study), _twins(study))
    else:
        draw = {
            "histograms": histograms,
            "heat-maps": heat_maps,
            "mitigation": mitigation_panels,
        }[name]
        for group, drawn in draw(study):
            yield re.sub(r"[^A-Za-z0-9.-]+", "_", f"{name}-{group}"), drawn


def grid(study: Study) -> "Figure":
    """Draw base against trained: a row per model and state, a column per data set.

    A panel shows the largest ratio of every graph, sorted: a line for each trained layer, lighter
    the earlier it is, over the range of all untrained layers. Graphs of all seeds are joined. It
    is the published figure, whose batches are of one graph each. Where a scan is not there any
    more, curves are read from the result table ``maxima``, at 51 quantiles of each seed.

    Raises:
        InputError: if no trained cell is done, or neither scans nor that table are there.
    """
    trained = [done for done in study.finished if done.cell.state != UNTRAINED]
    if not trained:
        raise InputError(f"no trained cell of the study in {study.out} is done, nothing to draw")
    told = _twins(study)
    rows = list(dict.fromkeys((done.cell.label, done.cell.state) for done in trained))
    columns = list(dict.fromkeys(done.cell.data for done in trained))
    drawn, places = panels(len(rows), len(columns))
    for (model, state), line in zip(rows, places, strict=True):
        for data, axes in zip(columns, line, strict=True):
            same = [
                done
                for done in trained
                if (done.cell.label, done.cell.state, done.cell.data) == (model, state, data)
            ]
            _panel(axes, _curves(study, same) if same else None)
            axes.set_title(f"{told.get(model, model)} on {data}, {tables.STATES[state]}")
    # A model may lack the first data set, and its panel is empty then.
    legend_row(next(axes for axes in drawn.axes if axes.lines))
    return drawn


def _twins(study: Study) -> dict[str, str]:
    """Return what a figure calls a model that is the function of another one there."""
    alike = tables.same_function(done.cell for done in study.finished)
    return {"GraphiT": "GraphiT (one function with SAN)"} if alike else {}


def scatter(every: "pl.DataFrame", told: Mapping[str, str] = MappingProxyType({})) -> "Figure":
    """Draw the test metric of every trained cell over its prevalence, a panel per data set.

    Args:
        every: from :func:`edgescope.study.study_tables.cells`.
        told: models to what they are called, if not by their name.
    """
    found = every.filter(every["metric"].is_not_null())
    groups = found.partition_by("data", "metric", maintain_order=True)
    kinds = list(dict.fromkeys(found.select("model", "state").iter_rows()))
    drawn, places = panels(1, max(len(groups), 1))
    for group, axes in zip(groups, places[0], strict=False):
        for number, (model, state) in enumerate(kinds):
            cells = group.filter(model=model, state=state)
            colour, marker = EDGE_TYPES[number % len(EDGE_TYPES)]
            label = f"{told.get(model, model)}, {tables.STATES[state]}"
            prevalence = 100 * cells["prevalence"].to_numpy()
            axes.plot(prevalence, cells["value"], marker, color=colour, label=label)
        axes.set_xlabel(f"edges with a ratio above {PAPER_RATIO:g} (%)")
        axes.set_ylabel(f"test {known_metric(group['metric'][0]).words}")
        axes.set_title(group["data"][0])
    legend_row(places[0, 0], columns=2)
    return drawn


class _Curves(NamedTuple):
    """Curves ``[layers, POINTS]`` of the largest ratio per graph, sorted, largest first."""

    untrained: NDArray[np.float64] | None
    trained: NDArray[np.float64]


def _curves(study: Study, same: Sequence[Finished]) -> _Curves:
    """Return the curves of cells that differ in their seeds, from their scans or tables."""
    if not all(done.has_scan for done in same):
        maxima = table_of(study, "maxima", same)
        before, after = (_of_table(maxima.filter(state=state)) for state in STATES)
        return _Curves(before if len(before) else None, after)
    scans = [done.scan() for done in same]
    sites = list(scans[0].sites)
    trained = np.stack([_curve([scan[site] for scan in scans]) for site in sites])
    baselines = [scan.baseline for scan in scans if scan.baseline is not None]
    if not baselines:
        return _Curves(None, trained)
    untrained = [_curve([baseline[site] for baseline in baselines]) for site in sites]
    return _Curves(np.stack(untrained), trained)


def _of_table(maxima: "pl.DataFrame") -> NDArray[np.float64]:
    curves = []
    for of in maxima.sort("layer", maintain_order=True).partition_by("site", maintain_order=True):
        ratios = of["ratio"].sort(descending=True).to_numpy()
        places = np.linspace(0, 1, len(ratios))
        curves.append(np.interp(np.linspace(0, 1, POINTS), places, ratios))
    return np.array(curves).reshape(-1, POINTS)


def _panel(axes: "Axes", curves: _Curves | None) -> None:
    """Draw the curves of one model, state and data set."""
    if curves is None:
        axes.set_axis_off()
        return
    share, band = np.linspace(0, 100, POINTS), None
    if curves.untrained is not None:
        low, high = np.nanmin(curves.untrained, axis=0), np.nanmax(curves.untrained, axis=0)
        band = Band(share, low, high)
    draw_maxima(axes, band, [Line(share, curve) for curve in curves.trained])


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
