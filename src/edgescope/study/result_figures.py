"""Figures in the published layout from result tables: histograms with their law, heat maps."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from edgescope.lib.errors import InputError
from edgescope.plots.formats import number
from edgescope.plots.site_panels import draw_heat_map
from edgescope.statistics.sketch_layout import PAPER_RATIO
from edgescope.study.figure_panels import panels
from edgescope.study.published_panels import draw_counts, shares_of
from edgescope.study.study_store import Finished, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SMALL: dict[str, Any] = {"loc": "left", "fontsize": 7}
_COLUMNS = 2
"""Histograms side by side."""


class Group(NamedTuple):
    """The finished cells of a model, a state and a data set, which differ in their seeds."""

    name: str
    """What its figure is called."""
    title: str
    cells: list[Finished]


def groups(study: Study) -> list[Group]:
    """Return the groups of a study's finished cells, in the order of the plan."""
    found: dict[tuple[str, str, str], list[Finished]] = {}
    for done in study.finished:
        cell = done.cell
        found.setdefault((cell.label, cell.data, cell.state), []).append(done)
    return [Group("-".join(key), ", ".join(key), cells) for key, cells in found.items()]


def table_of(study: Study, name: str, cells: Sequence[Finished]) -> pl.DataFrame:
    """Return the rows of a result table that are of some cells.

    Raises:
        InputError: if the study has no such table.
    """
    table = study.tables.table(name)
    if table is None:
        raise InputError(
            f"the study in {study.out} has no result table {name}; run it again with {name} among "
            "its measures"
        )
    return table.filter(pl.col("cell").is_in([done.cell.name for done in cells]))


def histograms(study: Study) -> Iterator[tuple[str, "Figure"]]:
    """Draw, per group of cells, the histogram of every layer's ratios with its gamma law.

    The bars are of all seeds together; a law is that of the seed whose distance to its own law is
    the median one.

    Raises:
        InputError: if the study has not the tables ``histogram`` and ``laws``.
    """
    for group in groups(study):
        counted = table_of(study, "histogram", group.cells)
        fitted = table_of(study, "laws", group.cells)
        layers = counted["layer"].unique().sort().to_list()
        if not layers:
            continue
        drawn, axes = panels(-(-len(layers) // _COLUMNS), _COLUMNS)
        places: list[Axes] = list(axes.ravel())
        for place, layer in zip(places, layers, strict=False):
            draw_counts(place, counted.filter(layer=layer), fitted.filter(layer=layer))
            place.set_title(f"{group.title}, layer {layer}")
            place.legend(fontsize=6, loc="upper right")
        for place in places[len(layers) :]:
            place.set_axis_off()
        yield group.name, drawn


def heat_maps(study: Study) -> Iterator[tuple[str, "Figure"]]:
    """Draw, per group of cells, which heads and channels are massive: a column per edge type.

    A row is a seed at layer 0, as published, or at the layer that has most massive edges. Heads
    and channels of different seeds have nothing to do with each other, so seeds are not joined. A
    group without any massive activation has no figure.

    Raises:
        InputError: if the study has not the tables ``heat`` and ``types``.
    """
    for group in groups(study):
        found = table_of(study, "heat", group.cells)
        of_data = table_of(study, "types", group.cells)["edge_type"]
        types = of_data.unique(maintain_order=True).to_list()
        rows = [
            (done.cell.seed, layer, of)
            for done in group.cells
            for layer, of in _chosen(found.filter(cell=done.cell.name))
        ]
        if not rows:
            continue
        drawn, axes = panels(len(rows), len(types))
        for (seed, layer, of), line in zip(rows, axes, strict=True):
            largest = float((of["massive"] / of["edges"]).max())  # type: ignore[arg-type]
            where = f"seed {seed}, layer {layer}, ratio > {number(of['threshold'][0])}"
            for kind, place in zip(types, line, strict=True):
                own = of.filter(edge_type=kind)
                if not own.height:
                    place.set_axis_off()
                    place.set_title(f"{group.title}\n{kind}: none, {where}", **_SMALL)
                    continue
                draw_heat_map(place, shares_of(own), largest)
                edges = number(own["edges"][0])
                place.set_title(f"{group.title}\n{kind}, {edges} edges, {where}", **_SMALL)
            first = next(place for place in line if place.axison)
            first.set_ylabel(f"head\n(darkest: {largest:.2%} of edges)")
        yield group.name, drawn


def _chosen(found: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the layers of a cell that are shown, at the published ratio if anything exceeds it."""
    if not found.height:
        return
    published = found.filter(threshold=PAPER_RATIO)
    if published.height:
        found = published
    else:
        found = found.filter(pl.col("threshold") == pl.col("threshold").max())
    most = found.group_by("layer").agg(pl.col("massive").sum()).sort("massive", "layer")
    for layer in sorted({0, int(most["layer"][-1])}):
        of = found.filter(layer=layer)
        if of.height:
            yield layer, of
