"""The kept activations that a page shows one by one: those that a reader may ask for."""

from math import isinf
from typing import Any, NamedTuple

import polars as pl

from edgescope.plots.formats import number
from edgescope.scanning.result import Scan

PER_CELL = 6
"""Graphs per edge type, head and channel."""

PER_TYPE = 12
"""Graphs per edge type of a site."""

PER_OCTAVE = 6
"""Graphs whose largest value is between a power of two and the next."""

GRAPHS = 240
"""Graphs that are drawn, at most."""

PER_GRAPH = 40
"""Pairs of nodes of a drawn graph, per site: each with its largest ratio and magnitude."""

STRIP_ROWS = 40_000
"""Rows of such pairs, the most massive graphs first: about 1.7 MB in a page."""

COLUMNS = ("graph", "edge", "source", "target", "edge_type", "head", "channel", "value", "ratio")
"""What stands in a row, in this order; the site's number stands before it."""


class LinkedRows(NamedTuple):
    """Kept activations.

    Attributes:
        rows: activations as :data:`COLUMNS` with the number of the site before them, by site and
            falling ratio; a ratio that is not defined is None.
        graphs: the graphs to draw, the most massive first.
        notes: per site, which activations the scan kept one by one.
        floors: per site and axis, the value above which all were kept; None if there is none.
        inputs: the input of the model's call that every row belongs to; empty texts if there is one
            input only.
    """

    rows: list[list[Any]]
    graphs: list[int]
    notes: dict[str, str]
    floors: dict[str, dict[str, float | None]]
    inputs: list[str]


def linked_rows(scan: Scan) -> LinkedRows:
    """Pick, per site, the graphs with the largest ratios and magnitudes.

    They are picked per edge type, head and channel, per edge type, and per octave of their largest.
    Of the graphs that are drawn, every pair of nodes is there with its largest ratio and magnitude
    in either direction, at all sites, up to :data:`PER_GRAPH` pairs of a graph
    and :data:`STRIP_ROWS` rows.
    """
    frames = []
    for place, found in enumerate(scan.sites.values()):
        # The largest of a site is kept even if it is not massive.
        parts = [_with_input(part) for part in (found.rows, found.extremes)]
        rows = pl.concat(part.select(*COLUMNS, "input") for part in parts)
        frames.append(
            rows.unique(maintain_order=True)
            .select(pl.lit(place).alias("site"), pl.all())
            .with_columns(pl.col("ratio").fill_nan(None), pl.col("value").abs().alias("size"))
        )
    every = pl.concat(frames).with_row_index("row")
    picked = pl.concat(_picks(every, by) for by in ("ratio", "size")).unique("row")
    order = picked.sort("ratio", "size", "row", descending=[True, True, False], nulls_last=True)
    graphs = order["graph"].unique(maintain_order=True).head(GRAPHS).to_list()
    drawn = every.filter(pl.col("graph").is_in(graphs)).with_columns(
        pl.min_horizontal("source", "target").alias("low"),
        pl.max_horizontal("source", "target").alias("high"),
    )
    pair = ["site", "graph", "input", "low", "high"]
    strips = [
        _by(drawn, by)
        .unique(pair, keep="first", maintain_order=True)
        .group_by("site", "graph", maintain_order=True)
        .head(PER_GRAPH)
        .select(picked.columns)
        for by in ("ratio", "size")
    ]
    rank = pl.DataFrame({"graph": graphs}, schema={"graph": pl.Int64}).with_row_index("rank")
    strip = pl.concat(strips).unique("row").join(rank, on="graph")
    strip = strip.sort("rank", "row").head(STRIP_ROWS).select(picked.columns)
    shown = pl.concat([picked, strip]).unique("row").sort("row")
    return LinkedRows(
        [_short(row) for row in shown.select("site", *COLUMNS).iter_rows()],
        graphs,
        {site: _note(scan, site) for site in scan.sites},
        {site: _floors(scan, site) for site in scan.sites},
        shown["input"].to_list(),
    )


def _with_input(rows: pl.DataFrame) -> pl.DataFrame:
    return rows if "input" in rows.columns else rows.with_columns(pl.lit("").alias("input"))


def _by(rows: pl.DataFrame, by: str) -> pl.DataFrame:
    return rows.sort(by, "row", descending=[True, False], nulls_last=True)


def _picks(every: pl.DataFrame, by: str) -> pl.DataFrame:
    """Return the rows of the graphs with the largest ``by`` of every group."""
    rows = _by(every.filter(pl.col(by).is_not_null()), by)
    octave = pl.col(by).log(2).floor().alias("octave")
    found = []
    for group, most in (
        (["site", "edge_type", "head", "channel"], PER_CELL),
        (["site", "edge_type"], PER_TYPE),
    ):
        tops = rows.unique([*group, "graph"], keep="first", maintain_order=True)
        found.append(tops.group_by(group, maintain_order=True).head(most))
    tops = rows.unique(["site", "graph"], keep="first", maintain_order=True)
    spread = tops.with_columns(octave).group_by("site", "octave", maintain_order=True)
    found.append(spread.head(PER_OCTAVE))
    return pl.concat(frame.select(every.columns) for frame in found).unique("row")


def _short(row: tuple[Any, ...]) -> list[Any]:
    """Return a row for JSON, whose numbers have five significant digits."""
    return [float(f"{cell:.5g}") if isinstance(cell, float) else cell for cell in row]


def _note(scan: Scan, site: str) -> str:
    """Say which activations of a site were kept one by one."""
    floor, found = scan.floor(site), scan.sites[site]
    bounds = [
        f"{axis} above {number(float(limit))}"
        for axis, limit in zip(("ratio", "magnitude"), floor, strict=True)
        if not isinf(limit)
    ]
    lost = found.seen > found.rows.height
    some = f", and of these the {found.rows.height:,} largest of {found.seen:,}" if lost else ""
    what = f"the largest, and activations with a {' or a '.join(bounds)}"
    return f"The scan kept one by one {what}{some}."


def _floors(scan: Scan, site: str) -> dict[str, float | None]:
    """Return what all activations above were kept."""
    floor, found = scan.floor(site), scan.sites[site]
    if found.seen > found.rows.height:
        # The smallest that was kept may have equals that were not.
        least: float = found.rows.select(pl.col("ratio").fill_nan(None).min()).item()
        return {"ratio": least, "magnitude": None}
    return {
        axis: None if isinf(limit) else limit
        for axis, limit in zip(("ratio", "magnitude"), floor, strict=True)
    }
