"""The published figures of a dossier, from result tables."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.plots.axes import STATES, legend_row, ratio_axis, sorted_graphs, threshold_line
from edgescope.plots.formats import number
from edgescope.plots.ratio_histogram import draw_ratio_histogram, say_failures
from edgescope.plots.site_panels import draw_heat_map
from edgescope.plots.svg import WIDE, figure, render
from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.study.claim_forests import DossierFigure
from edgescope.study.claims.cell_roles import data_words
from edgescope.study.claims.result_set import ResultSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAR = 0.25
"""Width of a bar of the stored histograms in decades."""


def maxima_grid(results: ResultSet) -> "Figure | None":
    """Draw the published grid: sorted maxima of trained layers over the range of untrained ones.

    A row per model and a column per data set; one row for a single data set. A line is a trained
    layer, lighter the earlier it is, the mean over seeds of the logarithm; the band is the range
    of all untrained layers and seeds.
    """
    of = _base(results, "maxima")
    if of is None:
        return None
    models, data = (list(dict.fromkeys(of[name])) for name in ("model", "data"))
    rows, columns = (len(models), len(data)) if len(data) > 1 else (1, max(len(models), 2))
    drawn = figure(WIDE, 2.9 * rows + 0.2)
    panels = drawn.subplots(rows, columns, squeeze=False)
    for axes in panels.ravel()[len(models) * len(data) :]:
        axes.set_axis_off()
    for place, model in enumerate(models):
        for at, name in enumerate(data):
            axes = panels.ravel()[place * len(data) + at]
            part = of.filter(model=model, data=name)
            if part.height:
                _sorted_maxima(axes, part)
                axes.set_title(f"{model} on {data_words(name)}")
            else:
                axes.set_axis_off()
    legend_row(next(axes for axes in drawn.axes if axes.lines))
    return drawn


def _sorted_maxima(axes: "Axes", part: pl.DataFrame) -> None:
    sorted_graphs(axes)
    over = part.filter((pl.col("ratio") > 0) & pl.col("ratio").is_finite())
    before = (
        over.filter(state="untrained")
        .group_by("quantile")
        .agg(low=pl.col("ratio").min(), high=pl.col("ratio").max())
        .sort("quantile")
    )
    if before.height:
        style: dict[str, Any] = {"color": STATES["untrained"], "alpha": 0.3, "linewidth": 0}
        at = 100 * (1 - before["quantile"].to_numpy())
        axes.fill_between(at, before["low"], before["high"], label="untrained layers", **style)
    layers = sorted(over.filter(state="trained")["layer"].unique())
    for place, layer in enumerate(layers, 1):
        of = (
            over.filter(state="trained", layer=layer)
            .group_by("quantile")
            .agg((10 ** pl.col("ratio").log(10).mean()).alias("ratio"))
        )
        line = of.sort("quantile")
        axes.plot(
            100 * (1 - line["quantile"].to_numpy()),
            line["ratio"],
            color=STATES["trained"],
            alpha=0.25 + 0.75 * place / len(layers),
            linewidth=1.2,
            label="trained layers" if place == len(layers) else None,
        )
    threshold_line(axes, PAPER_RATIO)
    ratio_axis(axes.yaxis)


def histograms(results: ResultSet) -> "Figure | None":
    """Draw -log10(ratio) before and after training with the gamma laws, as published.

    A panel per model and data set: the first seed, at the layer with the largest ratio.
    """
    of = _base(results, "histogram")
    laws = _base(results, "laws")
    if of is None or laws is None:
        return None
    groups = of.partition_by("model", "data", maintain_order=True)
    drawn = figure(WIDE, 3.9 * -(-len(groups) // 2))
    panels = drawn.subplots(-(-len(groups) // 2), 2, squeeze=False).ravel()
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    for axes, part in zip(panels, groups, strict=False):
        seed: int = part["seed"].sort()[0]
        one = part.filter(seed=seed)
        # Bars far to the left are the largest ratios.
        layer: int = one.filter(state="trained").sort("log_ratio", "layer")["layer"][0]
        row = part.row(0, named=True)
        _one_histogram(
            axes,
            one.filter(layer=layer),
            laws.filter(model=row["model"], data=row["data"], seed=seed, layer=layer),
        )
        axes.set_title(
            f"{row['model']} on {data_words(row['data'])}, layer {layer}, seed {seed}", pad=52
        )
        axes.legend(loc="upper left")
    return drawn


def _one_histogram(axes: "Axes", of: pl.DataFrame, laws: pl.DataFrame) -> None:
    places = (of["log_ratio"] / BAR).round().cast(pl.Int64)
    first, last = places.sort()[0], places.sort()[-1]
    edges = BAR * np.arange(first - 1, last + 1, dtype=np.float64)
    densities: dict[str, NDArray[np.float64]] = {}
    fits: dict[str, dict[str, Any]] = {}
    for state in STATES:
        part, law = of.filter(state=state), laws.filter(state=state)
        if not part.height:
            continue
        counts = np.zeros(last - first + 1)
        at = (part["log_ratio"] / BAR).round().cast(pl.Int64).to_numpy() - first
        np.add.at(counts, at, part["count"].to_numpy())
        densities[state] = counts / counts.sum() / BAR
        row = law.row(0, named=True) if law.height else {}
        fits[state] = row | {"problem": "" if row.get("shape") is not None else "none fits"}
    labels = {state: state for state in densities}
    draw_ratio_histogram(axes, edges, densities, fits, PAPER_RATIO, labels, logarithmic=True)
    say_failures(axes, fits)


def heat_maps(results: ResultSet) -> "Figure | None":
    """Draw which heads (rows) and channels (columns) are massive, by type of edge.

    A row per model and data set: the first seed, layer 0 as published, or else the lowest layer
    with a massive edge, at the largest threshold that anything exceeds.
    """
    of = _base(results, "heat")
    if of is None:
        return None
    groups = [_heat_of(part) for part in of.partition_by("model", "data", maintain_order=True)]
    columns = max(len(dict.fromkeys(part["edge_type"])) for part in groups)
    drawn = figure(WIDE, 2.5 * len(groups) + 0.2)
    panels = drawn.subplots(len(groups), max(columns, 3), squeeze=False)
    for part, line in zip(groups, panels, strict=True):
        types = part.partition_by("edge_type", maintain_order=True)
        shares = [_shares(each) for each in types]
        most = max(float(share.max()) for share in shares) or 1.0
        for place, axes in enumerate(line):
            if place >= len(types):
                axes.set_axis_off()
                continue
            draw_heat_map(axes, shares[place], most)
            row = types[place].row(0, named=True)
            axes.set_title(f"{row['edge_type']} ({row['edges']:,} edges)", pad=6)
        row = part.row(0, named=True)
        line[0].set_ylabel(
            f"{row['model']}\n{data_words(row['data'])}, seed {row['seed']}\nlayer {row['layer']}, "
            f"ratio > {number(row['threshold'])}\nhead"
        )
    return drawn


def _heat_of(part: pl.DataFrame) -> pl.DataFrame:
    one = part.filter(pl.col("seed") == part["seed"].min())
    one = one.filter(pl.col("layer") == one["layer"].min())
    return one.filter(pl.col("threshold") == one["threshold"].max()).sort(
        "edge_type", "head", "channel"
    )


def _shares(of: pl.DataFrame) -> NDArray[np.float64]:
    heads, channels = (of[name].sort()[-1] + 1 for name in ("head", "channel"))
    share = np.zeros((heads, channels))
    share[of["head"].to_numpy(), of["channel"].to_numpy()] = (
        of["massive"].to_numpy() / of["edges"].to_numpy()
    )
    return share


PUBLISHED: Mapping[str, tuple[Callable[[ResultSet], "Figure | None"], str, str]] = {
    "maxima": (
        maxima_grid,
        "Sorted largest ratio of every graph, trained layers over the range of untrained ones",
        (
            "The published grid. Graphs are sorted by their largest ratio; a line is a trained "
            "layer, darker the later, the mean over seeds, and the band the range of all untrained "
            "layers."
        ),
    ),
    "histogram": (
        histograms,
        "Histogram of -log10(ratio) with gamma laws",
        (
            "The published histogram with the gamma law of each state and its Kolmogorov-Smirnov "
            "distance, of one seed at the layer that reaches farthest. The distance is no test."
        ),
    ),
    "heat": (
        heat_maps,
        "Share of edges over the threshold per head and channel, by bond type",
        (
            "The published heat maps: rows are heads and columns channels, as the values are laid "
            "out; the published labels are exchanged. Grey means never. Types without a panel have "
            "no massive edge there."
        ),
    ),
}
"""Name of every published figure to what draws it, its title and its caption."""


def published_drawn(key: str, name: str, results: ResultSet) -> list[DossierFigure]:
    """Draw a published figure; nothing if its table is not there."""
    draw, title, caption = PUBLISHED[name]
    drawn = draw(results)
    if drawn is None:
        return []
    name = f"{key}-{name}"
    return [DossierFigure(name, render(drawn, name, title), caption)]


def _base(results: ResultSet, table: str) -> pl.DataFrame | None:
    """Return a table's rows of the published cells, with these; None without any."""
    cells = results.chosen().select("cell", "model", "data", "seed")
    if not results.has(table) or not cells.height:
        return None
    found = cells.join(results.table(table), "cell", maintain_order="left")
    return found if found.height else None
