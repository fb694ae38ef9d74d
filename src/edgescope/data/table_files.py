"""Files of tables: from a path to columns."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from edgescope.data.cells import cell
from edgescope.data.columns import Grid, column_name
from edgescope.data.delimited import SEPARATORS, Rows, rows_of
from edgescope.data.text_files import read_text
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
