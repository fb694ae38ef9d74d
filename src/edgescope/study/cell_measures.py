"""Measuring a cell that is trained and scanned: its tables, in its own folder."""

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from edgescope.lib.errors import InputError
from edgescope.lib.files import replacing, writable_folder
from edgescope.lib.input_files import reading, whole
from edgescope.lib.sealed_table import sealed_table, unsealed_table
from edgescope.lib.typed_fields import fitting
from edgescope.study.cells import read_stored, write_stored
from edgescope.study.measures.measure_names import measure

if TYPE_CHECKING:
    from edgescope.study.measures.measured_cell import MeasuredCell

FOLDER = "measures"
"""Below the folder of a cell: ``MEASURE.json`` names the tables of a measure, and is written after
them."""

_REMEDY = "delete that folder and run the study again"


def measure_cell(of: "MeasuredCell", folder: Path, measures: Sequence[str]) -> None:
    """Measure a cell, and keep the tables in its folder.

    Raises:
        InputError: if a measure fails, after all others were tried; the reason is printed.
    """
    place = writable_folder(folder / FOLDER)
    failed = []
    for name in measures:
        print(f"measuring {name}", flush=True)  # noqa: T201  (the cell's log)
        try:
            tables = measure(name)(of)
        except Exception as error:  # noqa: BLE001  (one must not take the others along)
            traceback.print_exc()
            failed.append(f"{name} ({type(error).__name__}: {error})")
            continue
        for table, rows in tables.items():
            with replacing(place / f"{table}.parquet") as temporary:
                temporary.write_bytes(sealed_table(rows, table))
        write_stored(place / f"{name}.json", {"tables": list(tables)})
    if failed:
        raise InputError(f"could not be measured: {'; '.join(failed)}")


def measured_by(folder: Path) -> list[str]:
    """Return the names of what a cell was measured by; ``folder`` is the cell's own."""
    return sorted(path.stem for path in (folder / FOLDER).glob("*.json"))


def tables_of(folder: Path, name: str) -> dict[str, pl.DataFrame]:
    """Return the tables of a cell by one measure.

    Args:
        folder: the cell's own.
        name: of the measure.

    Raises:
        InputError: if they are damaged.
    """
    place, path = folder / FOLDER, folder / FOLDER / f"{name}.json"
    fields = read_stored(path, _REMEDY) or {}
    with reading(f"{path}", _REMEDY):
        names = fitting(fields["tables"], list[str], "tables")
    found = {}
    for table in names:
        path = place / f"{table}.parquet"
        with reading(f"{path}", _REMEDY):
            found[table] = unsealed_table(whole(path, "a table of a measure"), None, table)
    return found
