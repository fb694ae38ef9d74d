"""The published figures of a dossier, from result tables."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.plots.axes import legend_row
from edgescope.plots.formats import number
from edgescope.plots.site_panels import draw_heat_map
from edgescope.plots.svg import WIDE, figure, render
from edgescope.study.claim_forests import DossierFigure
from edgescope.study.claims.cell_roles import data_words
from edgescope.study.claims.result_set import ResultSet
from edgescope.study.published_panels import Band, Line, draw_counts, draw_maxima, shares_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SAME_FUNCTION = "SAN and GraphiT are one function in the published setting."


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
    over = part.filter((pl.col("ratio") > 0) & pl.col("ratio").is_finite())
    ends = {"low": pl.col("ratio").min(), "high": pl.col("ratio").max()}
    before = over.filter(state="untrained").group_by("quantile").agg(**ends).sort("quantile")
    band = Band(_more(before), before["low"], before["high"]) if before.height else None
    mean = (10 ** pl.col("ratio").log(10).mean()).alias("ratio")
    lines = []
    for layer in sorted(over.filter(state="trained")["layer"].unique()):
        of = over.filter(state="trained", layer=layer).group_by("quantile").agg(mean)
        line = of.sort("quantile")
        lines.append(Line(_more(line), line["ratio"]))
    draw_maxima(axes, band, lines)


def _more(of: pl.DataFrame) -> NDArray[np.float64]:
    """Return how many graphs have more than each quantile, in percent."""
    share: NDArray[np.float64] = 100 * (1 - of["quantile"].to_numpy())
    return share


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
        law = laws.filter(model=row["model"], data=row["data"], seed=seed, layer=layer)
        draw_counts(axes, one.filter(layer=layer), law)
        axes.set_title(
            f"{row['model']} on {data_words(row['data'])}, layer {layer}, seed {seed}", pad=52
        )
        axes.legend(loc="upper left")
    return drawn


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
        shares = [shares_of(each) for each in types]
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
    if set(results.chosen()["model"]) >= {"SAN", "GraphiT"}:
        caption = f"{caption} {SAME_FUNCTION}"
    name = f"{key}-{name}"
    return [DossierFigure(name, render(drawn, name, title), caption)]


def _base(results: ResultSet, table: str) -> pl.DataFrame | None:
    """Return a table's rows of the published cells, with these; None without any."""
    cells = results.chosen().select("cell", "model", "data", "seed")
    if not results.has(table) or not cells.height:
        return None
    found = cells.join(results.table(table), "cell", maintain_order="left")
    return found if found.height else None
