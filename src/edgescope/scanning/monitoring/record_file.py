"""The record of a training: rows that come one after the other, and a Parquet file of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from edgescope.lib.errors import InputError
from edgescope.lib.files import replacing, writable_folder
from edgescope.lib.input_files import reading, whole
from edgescope.lib.sealed_table import sealed_table, unsealed_table

SHARE = 20
"""The file is written anew when the rows that it lacks are more than one in so many: what is
written in all then grows with the rows, and not with their square."""


def read_record(path: Path, schema: Mapping[str, Any]) -> pl.DataFrame:
    """Read a record from its file.

    Args:
        path: the file.
        schema: types of columns that must be there.

    Raises:
        InputError: if it is not there, or not as it was written.
    """
    held = whole(path, "the record of a training, which a monitor writes")
    with reading(f"{path}", "monitor the training again, or restore it"):
        return unsealed_table(held, schema)


class RecordFile:
    """Keeps rows, in memory and in a Parquet file that is whole at every moment.

    Args:
        path: the file; ``None`` keeps the rows in memory only.
        schema: types of the columns.
        overwrite: whether what is there may be replaced.
    """

    def __init__(
        self, path: Path | None, schema: Mapping[str, Any], *, overwrite: bool = False
    ) -> None:
        self.path = path
        self._schema = dict(schema)
        self._overwrite = overwrite
        self._whole = pl.DataFrame(schema=self._schema)
        self._new: list[dict[str, Any]] = []
        self._unwritten = 0

    @property
    def table(self) -> pl.DataFrame:
        """All rows."""
        if self._new:
            added = pl.DataFrame(self._new, schema=self._schema, orient="row")
            self._whole, self._new = pl.concat([self._whole, added]), []
        return self._whole

    @property
    def last_step(self) -> int | None:
        """The step of the last row; ``None`` before the first."""
        if self._new:
            return int(self._new[-1]["step"])
        return int(self._whole["step"][-1]) if self._whole.height else None

    def begin(self) -> None:
        """Make sure that the file can be written, and write what there is.

        Raises:
            InputError: if it cannot, or another record is there.
        """
        if self.path is None:
            return
        if self.path.exists() and not self._overwrite:
            raise InputError(
                f"{self.path} is there already, perhaps the record of another training; choose "
                "another file=, or set overwrite=True to replace it"
            )
        self._overwrite = True  # from now on it is this record
        writable_folder(self.path.parent)
        self.flush()

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows; the file follows at once while it is small, later in batches."""
        self._new.extend(rows)
        self._unwritten += len(rows)
        if self._unwritten * SHARE > self._whole.height:
            self.flush()

    def flush(self) -> None:
        """Write all rows to the file, which holds the old or the new ones at every moment."""
        table = self.table
        if self.path is not None:
            with replacing(self.path) as temporary:
                temporary.write_bytes(sealed_table(table))
        self._unwritten = 0

    def go_on(self, table: pl.DataFrame) -> None:
        """Take rows from before in place of those that are there; the file is this record's.

        Raises:
            InputError: if they have other columns.
        """
        if dict(table.schema) != self._schema:
            raise InputError(
                "the record to go on with has other columns: it was made with other thresholds= "
                "or by another version; monitor with the same, or begin anew"
            )
        self._whole, self._new, self._overwrite = table, [], True
