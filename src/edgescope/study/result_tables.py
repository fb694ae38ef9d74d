"""The result tables of a study: all that is kept of its cells for good."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from edgescope.lib.files import alone, readable_file, replacing, writable_folder
from edgescope.lib.input_files import reading, whole
from edgescope.lib.sealed_table import sealed_table, unsealed_table
from edgescope.lib.typed_fields import fitting
from edgescope.study.cell_facts import facts
from edgescope.study.cell_measures import measured_by, tables_of
from edgescope.study.cell_work import read_result
from edgescope.study.cells import Cell, folder_of

FOLDER = "results"
"""Below the folder of a study."""

RECORDS = "records"
"""The table of what is known of a cell beside its tables, written last: a row is a cell that is
done."""

_RECORDS = {"cell": pl.String, "record": pl.String}
_REMEDY = (
    "restore it, or delete the folder it is in and run the study again, which makes it anew from "
    "the cells' own folders"
)


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


class ResultTables:
    """One Parquet file per table, with the column ``cell`` in front.

    Args:
        out: the folder of a study; the files are in ``results`` below it. Nothing need be there.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out / FOLDER

    def records(self) -> dict[str, Record]:
        """Return what is known of every cell that is done, by its name.

        Raises:
            InputError: if the file is damaged, or of something else.
        """
        table = self._read(RECORDS)
        if table is None:
            return {}
        with reading(f"{self._path(RECORDS)}", _REMEDY):
            return {name: _record(text) for name, text in table.iter_rows()}

    def names(self) -> list[str]:
        """Return the names of the tables that there are."""
        return sorted({path.stem for path in self.folder.glob("*.parquet")} - {RECORDS})

    def table(self, name: str) -> pl.DataFrame | None:
        """Return a table, of the cells that are done; None if there is none of that name.

        Raises:
            InputError: if the file is damaged, or of something else.
        """
        table, done = self._read(name), self._read(RECORDS)
        if table is None or done is None:
            return None
        return table.join(done.select("cell"), on="cell", how="semi", maintain_order="left")

    def take(self, cells: Iterable[Cell]) -> dict[str, Record]:
        """Add what the cells' own folders hold, of those that are done and hold anything new.

        Every file is the old one or the new one at any moment, and the record of a cell is written
        after its tables.

        Returns:
            The records of all cells, also of other ones.

        Raises:
            InputError: if a file is damaged, or cannot be written.
        """
        with self._alone():
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
                self._put(table, cell.name, rows)
        self._put("cells", cell.name, facts(cell, result).drop("cell"))
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
        self._put(RECORDS, cell.name, pl.DataFrame({"record": [text]}))
        return record

    def _put(self, name: str, cell: str, rows: pl.DataFrame) -> None:
        """Write the rows of a cell in place of those it had; cells are sorted by their names."""
        rows = rows.select(pl.lit(cell).alias("cell"), pl.all())
        before = self._read(name)
        if before is not None:
            others = before.filter(pl.col("cell") != cell)
            # A later version may have columns that were not there before.
            rows = pl.concat([others, rows], how="diagonal_relaxed")
        rows = rows.sort("cell", maintain_order=True)
        with replacing(self._path(name)) as temporary:
            temporary.write_bytes(sealed_table(rows, _note(name)))

    def _read(self, name: str) -> pl.DataFrame | None:
        path = self._path(name)
        if not path.is_file():
            return None
        with reading(f"{path}", _REMEDY):
            schema = _RECORDS if name == RECORDS else {"cell": pl.String}
            return unsealed_table(whole(path, "a table of results"), schema, _note(name))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from writing meanwhile, as two may work on one study."""
        writable_folder(self.folder)
        with alone(self.folder / "writer"):
            yield


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
    readable_file(tables.folder / f"{RECORDS}.parquet", "the result tables of a study")
    found = {name: tables.table(name) for name in tables.names()}
    return {name: table for name, table in found.items() if table is not None}


def _note(name: str) -> str:
    return f"the table {name} of a study"


def _without_history(metrics: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if metrics is None:
        return None
    return {key: value for key, value in metrics.items() if key != "history"}


def _record(text: str) -> Record:
    held = fitting(json.loads(text), dict[str, Any], "a record")
    return Record(held, fitting(held.pop("measures"), tuple[str, ...], "measures"))
