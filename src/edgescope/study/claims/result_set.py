"""The result tables of a study, by name, with the cells that each row is of."""

import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from edgescope.lib.errors import InputError
from edgescope.study.claims.cell_roles import BASE, NODE_PARTS, OTHER, data_words, role_of
from edgescope.study.claims.estimates import over_seeds
from edgescope.study.claims.questions import Question, Region
from edgescope.study.table_folder import FOLDER, TableFolder

_OVER = ("site", "layer", "rule", "threshold")

COLUMNS: dict[str, tuple[str, ...]] = {
    "cells": ("cell", "model", "variant", "data", "state", "seed", "design", "value", "guess"),
    "sites": ("cell", "site", "layer", "max_ratio", "untrained_max_ratio", "growth"),
    "thresholds": ("cell", *_OVER, "edges", "massive", "share", "low", "high", "untrained_share"),
    "type_tests": ("cell", *_OVER, "edge_type", "edges", "massive", "expected"),
    "maxima": ("cell", "site", "layer", "state", "quantile", "ratio"),
    "histogram": ("cell", "site", "layer", "state", "log_ratio", "count"),
    "laws": ("cell", "site", "layer", "state", "shape", "loc", "scale", "ks"),
    "heat": (
        "cell",
        "site",
        "layer",
        "threshold",
        "edge_type",
        "head",
        "channel",
        "edges",
        "massive",
    ),
    "added": ("cell", *_OVER, "edges", "added", "massive", "massive_added", "low", "high"),
    "importance": ("cell", "group", "change"),
    "attack": ("cell", "noise", "restart", "kind", "metric_clean", "metric_noisy"),
    "attribution": ("cell", "method", "measure", "value"),
    "rankings": ("cell", "method", "graph", "bond", "place"),
    "curvature": ("cell", "site", "layer", "quantity", "bin", "edges", "massive"),
    "node_sites": ("data", "seed", "site", "max_ratio", "untrained_max_ratio", "growth"),
    "node_cells": ("cell", "part", "data", "seed"),
    "cured": ("data", "seed", "variant", "metric", "value"),
    "twins": ("data", "seed", "model", "state", "share"),
    "article": ("claim", "quantity", "value", "low", "high", "n"),
}
"""Columns that the claims read of every result table; further ones are left alone."""

_WHO = ("cell", "model", "data", "source", "state", "role", "seed")

_VERSION = "version_"

BESIDE = "beside "
"""How columns begin whose means stand beside a number."""


class ResultSet:
    """Result tables by name.

    Args:
        tables: the tables, as :class:`~edgescope.study.claims.claim.Claim` reads them. Any may
            be absent, and so may rows.

    Raises:
        InputError: if a table lacks a column, or if two cells answer the same.
    """

    def __init__(self, tables: Mapping[str, pl.DataFrame]) -> None:
        for name, columns in COLUMNS.items():
            lacking = [
                each for each in columns if name in tables and each not in tables[name].columns
            ]
            if lacking and tables[name].width:
                raise InputError(
                    f"the result table {name} has no column {', '.join(lacking)}; it is of another "
                    "version, measure its cells again"
                )
        self._tables = {name: table for name, table in tables.items() if table.height}
        self.cells = self._known_cells()

    def has(self, name: str) -> bool:
        """Return whether there is such a table, with rows."""
        return name in self._tables

    def table(self, name: str) -> pl.DataFrame:
        """Return a table; without rows, and with the columns that claims read, if it is absent."""
        if name in self._tables:
            return self._tables[name]
        return pl.DataFrame(schema=dict.fromkeys(COLUMNS[name], pl.Null))

    def chosen(
        self, role: str = BASE, states: tuple[str, ...] = ("trained",), **of: str
    ) -> pl.DataFrame:
        """Return the cells of a role, in these states, of a model or of data."""
        found = self.cells.filter(
            (pl.col("role") == role) & pl.col("state").is_in(states),
            *(pl.col(name) == value for name, value in of.items()),
        )
        return found.select(_WHO).sort("model", "data", "seed", "cell")

    @property
    def listed(self) -> pl.DataFrame:
        """What every cell is and stands for, those of the study of nodes after those of a grid.

        Columns: cell, model, variant, data, state, seed, design, role, and of what is known of them
        seconds, threads, hardware and versions.
        """
        who = ["cell", "model", "variant", "data", "state", "seed", "design", "role"]
        ran = ["seconds", "threads", "hardware", "versions", "epochs"]
        grid = self.cells.select(*who, *(name for name in ran if name in self.cells.columns))
        nodes = self.table("node_cells").sort("part", "data", "seed")
        parts = [NODE_PARTS.get(part, (part, OTHER)) for part in nodes["part"].to_list()]
        versions = [name for name in nodes.columns if name.startswith(_VERSION)]
        told = [
            json.dumps({name.removeprefix(_VERSION): row[name] for name in sorted(versions)})
            for row in nodes.iter_rows(named=True)
        ]
        of_nodes = nodes.with_columns(
            pl.Series("model", [model for model, _ in parts], pl.String),
            pl.Series("role", [role for _, role in parts], pl.String),
            pl.Series("versions", told if versions else [None] * len(told), pl.String),
            state=pl.lit("trained"),
        )
        known = [name for name in (*who, *ran) if name in of_nodes.columns]
        first = grid.sort("model", "data", "role", "state", "seed")
        return pl.concat([first, of_nodes.select(known)], how="diagonal_relaxed")

    @property
    def idle(self) -> list[str]:
        """Trained cells that enter no claim, since nobody knows their variant or design."""
        found = self.cells.filter((pl.col("role") == OTHER) & (pl.col("state") != "untrained"))
        return sorted(found["cell"])

    def questions(
        self,
        numbers: pl.DataFrame,
        cells: pl.DataFrame,
        *,
        number: str,
        region: Region,
        group: str = "{model} on {data}",
        null: float | None = None,
        null_words: str = "",
        condition: bool = False,
        aside: str = "",
    ) -> list[Question]:
        """Return a question for every model and data set among some cells.

        Args:
            numbers: one row per cell: ``cell``, ``value``; columns that begin with
                :data:`BESIDE` stand beside it, and ``within`` is the half width over graphs.
            cells: the cells, from :meth:`chosen`.
            number: see :class:`~edgescope.study.claims.questions.Question`, as the rest.
            region: where the claim says that the number lies.
            group: name of a group, of the columns of its cells.
            null: what the number is without training or by guessing.
            null_words: which of the two.
            condition: whether the claim has a meaning only if this holds.
            aside: why it does not enter the verdict.
        """
        joined = cells.join(numbers, on="cell", how="inner").sort("model", "data", "seed")
        found = []
        for of in joined.partition_by("model", "data", maintain_order=True):
            seeds = dict(zip(of["seed"].to_list(), of["value"].to_list(), strict=True))
            row = of.row(0, named=True)
            words = {name: row[name] for name in ("model", "role", "state")}
            found.append(
                Question(
                    group.format(**words, data=data_words(row["data"])),
                    number,
                    over_seeds(seeds),
                    region,
                    null,
                    null_words,
                    beside_of(of),
                    _mean(of["within"]) if "within" in of.columns else None,
                    "share of edges" if "within" in of.columns else "",
                    condition,
                    aside,
                )
            )
        return found

    def _known_cells(self) -> pl.DataFrame:
        """Return the cells with their roles, and refuse two that answer the same."""
        cells = self.table("cells").unique("cell", keep="first", maintain_order=True)
        if "use_bias" not in cells.columns:
            cells = cells.with_columns(use_bias=None)
        by = cells.select("variant", "design", "state", "use_bias")
        roles = [role_of(*each) for each in by.iter_rows()]
        cells = cells.with_columns(
            # The data without what was done to their edges.
            pl.col("data").cast(pl.String).str.split(" ").list.first().alias("source"),
            pl.Series("role", roles, pl.String),
            pl.col("state").cast(pl.String),
        )
        who = ["model", "data", "state", "role", "seed"]
        known = cells.filter((pl.col("role") != OTHER) & (pl.col("state") != "untrained"))
        twice = known.filter(known.select(who).is_duplicated())
        if twice.height:
            raise InputError(
                f"the cells {', '.join(sorted(twice['cell'])[:4])} differ in neither model, data, "
                "variant, state nor seed, so that it is not clear which one counts; keep the "
                "results of each study in a folder of its own"
            )
        return cells


def read_results(folder: str | Path) -> dict[str, pl.DataFrame]:
    """Read the result tables of a study.

    Args:
        folder: that with ``NAME.parquet`` for each, or that of the study, which has it as
            ``results``.

    Returns:
        The tables by name; files of other names are left alone.

    Raises:
        InputError: if there is no such folder, or a table is damaged, was changed after it was
            written, or is of something else.

    Example:
        >>> import edgescope as es
        >>> sorted(es.study.read_results("study"))  # doctest: +SKIP
        ['cells', 'sites', 'thresholds']
    """
    place = Path(folder)
    place = place / FOLDER if (place / FOLDER).is_dir() else place
    if not place.is_dir():
        raise InputError(f"there is no folder {place}, expected one with result tables of a study")
    files = TableFolder(place)
    every = {name: files.read(name) for name in COLUMNS}
    found = {name: table for name, table in every.items() if table is not None}
    if "cells" in found:
        found["cells"] = files.with_biases(found["cells"])
    return found


def beside_of(of: pl.DataFrame) -> dict[str, float | None]:
    """Return the means of the columns that stand beside a number, by their names."""
    return {
        name.removeprefix(BESIDE): _mean(of[name]) for name in of.columns if name.startswith(BESIDE)
    }


def _mean(values: pl.Series) -> float | None:
    known = values.cast(pl.Float64, strict=False).fill_nan(None).drop_nulls()
    mean = known.mean()
    return float(mean) if isinstance(mean, float) else None
