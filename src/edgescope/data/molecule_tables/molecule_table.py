"""Tables of molecules: columns are checked, what cannot be used is listed with the reason."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from edgescope.data.chemistry.molecule_dataset import LOST_LABELS
from edgescope.data.molecule_tables.column_choice import (
    Asked,
    Grid,
    asked,
    holds_texts,
    places,
    texts,
)
from edgescope.data.molecule_tables.numerals import MARKS, Mark
from edgescope.data.molecule_tables.smiles_cells import smiles_cells
from edgescope.data.molecule_tables.table_grids import Frame, frame_grid, kind_of, read_grid
from edgescope.data.molecule_tables.targets import Target, TargetColumn
from edgescope.data.splits import parts_from_labels
from edgescope.lib.errors import InputError
from edgescope.lib.files import readable_file
from edgescope.lib.input_files import reading
from edgescope.lib.typed_fields import sha256_of

TABLE_VERSION = 1
"""Raised whenever the same table would give other values; molecules cached before are stale."""

Identifiers = str | Sequence[str] | Literal[False] | None
"""Columns that tell which molecule a row is; none; or those whose names say so."""


class Table(NamedTuple):
    """The columns that matter of a table of ``R`` rows.

    Attributes:
        smiles: ``R`` texts; None where the cell is empty.
        y: ``[R, T]`` float32, targets; NaN where one is missing.
        problems: reason why a row cannot be used at all, by row, counted from 0.
        part: ``[R]`` int8, 0 train, 1 val, 2 test, -1 where the table does not say.
        target_names: ``T`` names of columns.
        first_row: number of the first row as the user sees it: 2 in a file with a header, as a
            spreadsheet counts; 0 in a data frame.
        target_units: unit of every target, empty where its column names none; or none at all.
        lost_labels: cells that give no label, a row each
            (:data:`~edgescope.data.chemistry.molecule_dataset.LOST_LABELS`), by the row that the
            user sees.
        identifiers: ``R`` texts by the name of each column that tells which molecule it is.
        notes: in a sentence each, what was taken from the table in another way than it stands
            there, such as commas read as decimal points.
    """

    smiles: list[str | None]
    y: np.ndarray
    problems: dict[int, str]
    part: np.ndarray
    target_names: tuple[str, ...]
    first_row: int = 0
    target_units: tuple[str, ...] = ()
    lost_labels: pl.DataFrame = pl.DataFrame(schema=LOST_LABELS)
    identifiers: Mapping[str, list[str | None]] = MappingProxyType({})
    notes: tuple[str, ...] = ()


class TableSource(NamedTuple):
    """A table that is read only if its molecules are not known yet.

    Attributes:
        name: what messages call it.
        fingerprint: text that changes whenever ``read`` would give something else.
        read: reads the table.
    """

    name: str
    fingerprint: str
    read: Callable[[], Table]


def looks_like_a_table(source: str | Path) -> bool:
    """Tell a path from the name of a data set.

    Example:
        >>> from edgescope.data import looks_like_a_table
        >>> looks_like_a_table("molecules.csv"), looks_like_a_table("zinc12k")
        (True, False)
    """
    path = Path(source)
    return isinstance(source, Path) or len(path.parts) > 1 or bool(path.suffix) or path.is_file()


def table_source(
    path: Path,
    smiles_column: str,
    target_columns: Sequence[str],
    split_column: str | None,
    *,
    id_columns: Identifiers = None,
    decimal: str | None = None,
) -> TableSource:
    """Describe a CSV or Parquet file.

    Args:
        path: ``.csv``, ``.tsv``, ``.txt`` (each also with ``.gz``), ``.parquet`` or ``.pq``.
        smiles_column: name of the column of SMILES.
        target_columns: names of columns of numbers.
        split_column: name of the column that says train, val (or valid) or test, or a split that
            is computed, for which the table then says nothing.
        id_columns: names of columns that tell which molecule a row is.
        decimal: the decimal mark; None to find it out.

    Raises:
        InputError: if there is no such file or it is of another kind. Reading the table raises
            it as well: for a file that cannot be read, a missing column, an unknown label, a
            target without any number.
    """
    kind = kind_of(path)
    wanted = asked(smiles_column, target_columns, split_column, id_columns, decimal)
    readable_file(path, "a table of molecules")
    with reading(f"{path}", "check its permissions"):
        digest = sha256_of(path)

    def read() -> Table:
        return select(read_grid(path, kind, wanted.named), str(path), wanted)

    told = [TABLE_VERSION, digest, "".join(path.suffixes), wanted]
    return TableSource(str(path), json.dumps(told), read)


def frame_source(
    frame: Frame,
    smiles_column: str,
    target_columns: Sequence[str],
    split_column: str | None,
    *,
    id_columns: Identifiers = None,
    decimal: str | None = None,
) -> TableSource:
    """Describe a table in memory, a data frame of polars or pandas; only its columns matter.

    Rows are numbered by their position from 0; an index of pandas is not looked at.

    Raises:
        InputError: if a column is not there. Reading the table raises it as well: for a column
            of lists, an unknown label, a target without any number.
    """
    name = f"the {type(frame).__name__}"
    wanted = asked(smiles_column, target_columns, split_column, id_columns, decimal)
    grid = frame_grid(frame, name)
    held = {place: grid.column(place) for place in places(grid, name, wanted).all}
    digest = hashlib.sha256()
    for place, column in held.items():
        digest.update(f"<{grid.header[place]} {column.dtype}>".encode())
        digest.update("\x1f".join(map(str, column.to_list())).encode())

    def read() -> Table:
        return select(grid._replace(column=held.__getitem__), name, wanted)

    return TableSource(name, json.dumps([TABLE_VERSION, digest.hexdigest(), "frame", wanted]), read)


def select(grid: Grid, name: str, wanted: Asked) -> Table:
    """Take the columns that matter out of a table; ``name`` is what messages call it.

    Raises:
        InputError: if a column is not there, is there twice or holds lists, a label of the split
            is unknown, or a target has no number.
    """
    found = places(grid, name, wanted)

    def called(column: str) -> str:
        return f"column {column!r} of {name}"

    cells = smiles_cells(grid.column(found.smiles), wanted.smiles, name)
    columns = {each: grid.column(place) for each, place in found.identifiers.items()}
    if wanted.identifiers is None:
        columns = {each: column for each, column in columns.items() if holds_texts(column)}
    identifiers = {each: texts(column, called(each)) for each, column in columns.items()}
    notes = [*grid.notes, *cells.notes]
    if identifiers and wanted.identifiers is None:
        shown = ", ".join(map(repr, identifiers))
        notes.append(f"taken as identifiers of the molecules, by their names: {shown}")
    if wanted.identifiers != () and any(each is not None for each in cells.names):
        identifiers[_free("name", identifiers)] = cells.names
    targets = _targets(
        [
            TargetColumn(grid.column(place), column, name)
            for column, place in zip(wanted.targets, found.targets, strict=True)
        ],
        wanted,
        grid,
    )
    lost = _lost(grid, found.targets, targets, wanted.targets)
    if found.split is None:
        part = np.full(grid.height, -1, dtype=np.int8)
    else:
        labels = grid.column(found.split).cast(pl.String).to_list()
        # A blank line is in no part; it is listed as train so that it is listed at all.
        labels = [
            "train" if smiles is None and not (label or "").strip() else label
            for label, smiles in zip(labels, cells.smiles, strict=True)
        ]
        part = parts_from_labels(labels, called(wanted.split or ""), grid.first_row)
    return Table(
        smiles=cells.smiles,
        y=np.stack([each.values for each in targets], axis=1)
        if targets
        else np.empty((grid.height, 0), dtype=np.float32),
        problems=cells.problems | grid.problems,
        part=part,
        target_names=wanted.targets,
        first_row=grid.first_row,
        target_units=tuple(each.unit for each in targets),
        lost_labels=lost,
        identifiers=identifiers,
        notes=(*notes, *(note for each in targets for note in each.notes)),
    )


def _targets(columns: Sequence[TargetColumn], wanted: Asked, grid: Grid) -> list[Target]:
    """Read the columns of numbers; one mark stands before decimals in all of a table."""
    found = [each.marks() for each in columns]
    told = [mark for mark in MARKS if any(each[mark] for each in found)]
    elsewhere: Mark | None = told[0] if len(told) == 1 else None
    if grid.height == 0:
        return [Target(np.empty(0, dtype=np.float32), {}, "", []) for _ in columns]
    return [each.read(wanted.decimal, elsewhere, grid.first_row) for each in columns]


def _lost(
    grid: Grid, places: Sequence[int], targets: Sequence[Target], names: Sequence[str]
) -> pl.DataFrame:
    rows = []
    for name, place, target in zip(names, places, targets, strict=True):
        column = grid.column(place)
        reasons = target.lost | {
            row: "the row ends before this column"
            for row, count in grid.ends.items()
            if count <= place
        }
        rows += [
            (row + grid.first_row, name, "" if column[row] is None else str(column[row]), reason)
            for row, reason in sorted(reasons.items())
        ]
    rows.sort(key=lambda row: row[0])
    return pl.DataFrame(rows, schema=LOST_LABELS, orient="row")


def _free(name: str, taken: Mapping[str, object]) -> str:
    while name in taken:
        name += " in SMILES"
    return name


def numeric_columns(source: str | Path | Frame, base: Path | None, taken: Asked) -> tuple[str, ...]:
    """Name the columns of a table that could be targets: most of their cells give a number.

    Args:
        source: a file, or a data frame.
        base: the folder that a path is relative to.
        taken: what is taken from the table already.
    """
    if isinstance(source, str | Path):
        path = Path(source) if base is None else base / source
        name, grid = str(path), read_grid(path, kind_of(path), taken.named)
    else:
        name = f"the {type(source).__name__}"
        grid = frame_grid(source, name)
    others = places(grid, name, taken).all
    found = []
    for place, column in enumerate(grid.header):
        if place in others:
            continue
        try:
            read = TargetColumn(grid.column(place), column, name)
            values = read.read(taken.decimal, None, grid.first_row).values
        except InputError:  # no cell of it can be read as a number
            continue
        if 2 * np.isfinite(values).sum() > grid.height:
            found.append(column)
    return tuple(found)
