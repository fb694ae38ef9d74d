"""The result tables of a study: all that is kept of its cells for good."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from edgescope.lib.files import readable_file
from edgescope.lib.input_files import reading
from edgescope.lib.typed_fields import fitting
from edgescope.study.cell_facts import facts
from edgescope.study.cell_measures import measured_by, tables_of
from edgescope.study.cell_work import read_result
from edgescope.study.cells import Cell, folder_of
from edgescope.study.table_folder import FOLDER, RECORD, RECORDS, REMEDY, TableFolder


class Record(NamedTuple):
    """What is known of a cell that is done."""

    result: Mapping[str, Any]
    """As in its ``result.json``, without the losses of every epoch."""
    measures: tuple[str, ...]
    """What it was measured by."""

    @property
    def cell(self) -> Cell:
        """The cell."""
        return Cell.model_validate(self.result["cell"])


class ResultTables(TableFolder):
    """The tables of a grid of cells, which are taken from the cells' own folders.

    Args:
        out: the folder of a study; the files are in ``results`` below it. Nothing need be there.
    """

    def __init__(self, out: Path) -> None:
        super().__init__(out / FOLDER)
        self.out = out

    def records(self) -> dict[str, Record]:
        """Return what is known of every cell that is done, by its name.

        Raises:
            InputError: if the file is damaged, or of something else.
        """
        table = self.read(RECORDS, RECORD)
        if table is None:
            return {}
        with reading(f"{self.path(RECORDS)}", REMEDY):
            return {name: _record(text) for name, text in table.iter_rows()}

    def take(self, cells: Iterable[Cell]) -> dict[str, Record]:
        """Add what the cells' own folders hold, of those that are done and hold anything new.

        Every file is the old one or the new one at any moment, and the record of a cell is written
        after its tables.

        Returns:
            The records of all cells, also of other ones.

        Raises:
            InputError: if a file is damaged, or cannot be written.
        """
        with self.alone():
            records = self.records()
            for cell in cells:
                folder = folder_of(cell, self.out)
                known = records.get(cell.name)
                had = () if known is None else known.measures
                new = [name for name in measured_by(folder) if name not in had]
                result = read_result(folder, cell) if known is None or new else None
                if result is not None:
                    records[cell.name] = self._add(cell, result, had, new)
            return records

    def _add(
        self, cell: Cell, result: Mapping[str, Any], had: tuple[str, ...], new: Sequence[str]
    ) -> Record:
        folder = folder_of(cell, self.out)
        for name in new:
            for table, rows in tables_of(folder, name).items():
                self.put(table, cell.name, rows)
        self.put("cells", cell.name, facts(cell, result).drop("cell"))
        told: dict[str, Any] = result["cell"]
        # Where the data lie is of one machine, and these tables go from one to another.
        source = {key: value for key, value in told["source"].items() if key != "root"}
        kept = {
            **result,
            "cell": {**told, "source": source},
            "metrics": _without_history(result["metrics"]),
        }
        record = Record(kept, (*had, *new))
        text = json.dumps({**kept, "measures": record.measures}, sort_keys=True)
        self.put(RECORDS, cell.name, pl.DataFrame({"record": [text]}))
        return record


def results(out: str | Path) -> dict[str, pl.DataFrame]:
    """Return the result tables of a study, each with the column ``cell``; nothing is run.

    :mod:`edgescope.study.measures` says what their columns are.

    Args:
        out: the folder of a study; only its ``results`` need be there.

    Returns:
        Name of every table to its rows, of the cells that are done.

    Raises:
        InputError: if there are none, or a file is damaged or of something else.

    Example:
        >>> import edgescope as es
        >>> es.study.results("study")["thresholds"]  # doctest: +SKIP
    """
    tables = ResultTables(Path(out))
    readable_file(tables.path(RECORDS), "the result tables of a study")
    found = {name: tables.table(name) for name in tables.names()}
    return {name: table for name, table in found.items() if table is not None}


def _without_history(metrics: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if metrics is None:
        return None
    return {key: value for key, value in metrics.items() if key != "history"}


def _record(text: str) -> Record:
    held = fitting(json.loads(text), dict[str, Any], "a record")
    return Record(held, fitting(held.pop("measures"), tuple[str, ...], "measures"))
