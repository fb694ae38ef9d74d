"""Files and data frames as columns with names."""

from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from edgescope.data.molecule_tables.cell_contents import cell
from edgescope.data.molecule_tables.column_choice import Grid, column_name
from edgescope.data.molecule_tables.csv_text import SEPARATORS, Rows, read_text, rows_of
from edgescope.lib.errors import InputError, MissingExtraError
from edgescope.lib.input_files import reading, table_of
from edgescope.lib.optional import require

TEXT_KINDS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Endings of text files, and what separates their cells unless the content shows another mark."""

PARQUET_KINDS = (".parquet", ".pq")

_ADVICE = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), "save the sheet as CSV UTF-8"),
    **dict.fromkeys(
        (".smi", ".smiles"),
        "give it a header line such as smiles<tab>name, tabs between them, and the ending .tsv",
    ),
    **dict.fromkeys(
        (".sdf", ".sd", ".mol", ".mol2"),
        "write a CSV with a column of SMILES, for example with RDKit's PandasTools.LoadSDF and "
        "Chem.MolToSmiles",
    ),
}
_LOOKED_AT = 20  # rows among which a header that is not the first may be


def kind_of(path: Path) -> str:
    """Return the ending that tells what a file is, in lower case.

    Raises:
        InputError: if it is none of a table that can be read; the message says how to convert it.
    """
    kind = (path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix).lower()
    if kind not in (*TEXT_KINDS, *PARQUET_KINDS):
        advice = _ADVICE.get(kind, "convert it first")
        raise InputError(
            f"received {path} as a table, expected a file that ends in .csv, .tsv, .txt (or either "
            f"with .gz) or .parquet; {advice}"
        )
    return kind


def read_grid(path: Path, kind: str, wanted: Sequence[str]) -> Grid:
    """Read a file.

    Args:
        path: of the file.
        kind: its ending.
        wanted: names of columns; the first is that of SMILES.

    Raises:
        InputError: if it cannot be read.
    """
    if kind in PARQUET_KINDS:
        return _parquet(path)
    content = read_text(path)
    found = rows_of(content.text, str(path), TEXT_KINDS[kind], wanted)
    width = len(found.header)

    def column(position: int) -> pl.Series:
        cells = [row[position] if position < len(row) else None for row in found.rows]
        return pl.Series(found.header[position], cells, dtype=pl.String)

    return Grid(
        header=found.header,
        column=column,
        height=len(found.rows),
        first_row=found.first_row,
        problems=found.problems,
        ends={row: len(cells) for row, cells in enumerate(found.rows) if 0 < len(cells) < width},
        notes=(*content.notes, *found.notes),
        hint=_hint(found, wanted[0]),
    )


def _parquet(path: Path) -> Grid:
    with reading(f"{path}", "expected Parquet; check that the file is complete"):
        frame = table_of(path)
    # As in a spreadsheet, whose first line is the header.
    return Grid(frame.columns, frame.to_series, frame.height, first_row=2)


def _hint(found: Rows, smiles: str) -> str:
    """Say what may be wrong with a header that lacks a column."""
    wanted = column_name(smiles)
    for row, cells in enumerate(found.rows[:_LOOKED_AT]):
        if wanted in map(column_name, cells):
            return f"row {found.first_row + row} looks like the header; delete the lines above it"
    if len(found.header) == 1 and wanted in found.header[0].split():
        return f"separate the columns by {' or '.join(SEPARATORS.values())}, not by spaces"
    if wanted not in found.header and any(map(_is_data, found.header)):
        return (
            "the first row looks like molecules and numbers, expected a header line with the "
            "names of the columns"
        )
    return ""


def _is_data(name: str) -> bool:
    """Tell whether the name of a column is a number or the SMILES of a molecule with bonds."""
    if cell(name).number is not None:
        return True
    try:
        chem = require("rdkit.Chem", "chem")
    except MissingExtraError:
        return False
    with require("rdkit.rdBase", "chem").BlockLogs():
        molecule = chem.MolFromSmiles(name) if name and " " not in name else None
    return molecule is not None and molecule.GetNumBonds() > 0


class Frame(Protocol):
    """A data frame of polars or pandas."""

    @property
    def columns(self) -> Any:  # noqa: ANN401  (a list, or an index of pandas)
        """Names of the columns."""

    def __getitem__(self, name: Any, /) -> Any:  # noqa: ANN401  (a column)
        """Return a column."""


def frame_grid(frame: Any, name: str) -> Grid:  # noqa: ANN401  (a Frame, or a LazyFrame)
    """Take a data frame as columns; rows are numbered by position from 0.

    Args:
        frame: of polars or pandas.
        name: what messages call it.

    Raises:
        InputError: if its columns have names of several levels.
    """
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        polars = frame
        return Grid(
            polars.columns, lambda position: _plain_series(polars.to_series(position)), frame.height
        )
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise InputError(
            f"{name} has columns with names of {frame.columns.nlevels} levels, expected one; join "
            "them, as in frame.columns = ['_'.join(map(str, each)) for each in frame.columns]"
        )
    header = [str(each) for each in frame.columns]

    def column(position: int) -> pl.Series:
        return series(header[position], frame.iloc[:, position].tolist())

    return Grid(header, column, len(frame))


def _plain_series(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Object:
        return series(column.name, column.to_list())
    return column


def series(name: str, values: list[Any]) -> pl.Series:
    """Return values of any kind as a column of numbers or of text, null where one is missing."""
    plain = [None if _missing(value) else value for value in values]
    kinds = {type(value) for value in plain if value is not None}
    if bool not in kinds and all(issubclass(kind, Real) for kind in kinds):
        if all(issubclass(kind, Integral) for kind in kinds):
            whole = [None if value is None else int(value) for value in plain]
            if all(value is None or abs(value) < 2**63 for value in whole):
                return pl.Series(name, whole, dtype=pl.Int64)
        else:
            wide = [None if value is None else float(value) for value in plain]
            return pl.Series(name, wide, dtype=pl.Float64)
    nested = next((value for value in plain if isinstance(value, list | tuple | dict | set)), None)
    if nested is not None:
        return pl.Series(name, plain, dtype=pl.Object)
    return pl.Series(name, [_text(value) for value in plain], dtype=pl.String)


def _missing(value: object) -> bool:
    """Tell None, NaN, and pandas' own marks, whose comparisons give no truth value."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and value != value  # noqa: PLR0124  (NaN)


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return None if value is None else str(value)
