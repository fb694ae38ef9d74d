"""A folder of result tables: one sealed Parquet file each, to which one cell after another adds.

A cell's rows carry its name in the column ``cell``. Its row in a table of the cells that are done
is written last, so that it stands there only if all of its rows are in the other tables.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from edgescope.lib.files import alone, replacing, writable_folder
from edgescope.lib.input_files import reading, whole
from edgescope.lib.sealed_table import sealed_table, unsealed_table

FOLDER = "results"
"""Below the folder of a study."""

RECORDS, NODE_CELLS = "records", "node_cells"
"""Tables of the cells that are done: of a grid, with all that is known of them beside their tables,
and of the study of classes of nodes."""

RECORD = {"cell": pl.String, "record": pl.String}
"""Columns of the table of records."""

REMEDY = (
    "restore it, or delete the folder it is in and run the study again, which makes it anew from "
    "the cells' own folders"
)


class TableFolder:
    """The tables of a folder.

    Args:
        folder: holds ``NAME.parquet`` for each; nothing need be there.
        remedy: what to do about a file that is damaged.
    """

    def __init__(self, folder: Path, remedy: str = REMEDY) -> None:
        self.folder = folder
        self.remedy = remedy

    def path(self, name: str) -> Path:
        """Return the file of a table."""
        return self.folder / f"{name}.parquet"

    def names(self) -> list[str]:
        """Return the names of the tables that there are, without that of the records."""
        return sorted({path.stem for path in self.folder.glob("*.parquet")} - {RECORDS})

    def table(self, name: str) -> pl.DataFrame | None:
        """Return a table, of the cells that are done; None if there is none of that name.

        A table that is not of cells is returned as it is. That of the cells says in ``use_bias``
        whether the projections of their attention have biases, as their records do.

        Raises:
            InputError: if the file is damaged, or of something else.
        """
        table = self.read(name)
        done = [self.read(each, {"cell": pl.String}) for each in (RECORDS, NODE_CELLS)]
        known = [each.select("cell") for each in done if each is not None]
        if table is None or not known:
            return None
        if "cell" in table.columns:
            table = table.join(pl.concat(known), on="cell", how="semi", maintain_order="left")
        return self.with_biases(table) if name == "cells" else table

    def with_biases(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Add to a table of cells whether their projections have biases; null if not known."""
        records = self.read(RECORDS, RECORD)
        if records is None:
            return cells
        said = pl.col("record").str.json_path_match("$.cell.recipe.model.use_bias") == "true"
        return cells.join(
            records.select("cell", use_bias=said), "cell", how="left", maintain_order="left"
        )

    def read(self, name: str, schema: Mapping[str, Any] | None = None) -> pl.DataFrame | None:
        """Return all rows of a table, of cells that are done or not; None if there is no file.

        Args:
            name: of the table.
            schema: types of columns that must be there.

        Raises:
            InputError: if the file is damaged, was not written by :meth:`put`, or is of another
                table.
        """
        path = self.path(name)
        if not path.is_file():
            return None
        with reading(f"{path}", self.remedy):
            return unsealed_table(whole(path, "a table of results"), schema, note_of(name))

    def put(self, name: str, cell: str, rows: pl.DataFrame) -> None:
        """Write the rows of a cell in place of those it had; cells are sorted by their names."""
        rows = rows.select(pl.lit(cell).alias("cell"), pl.all())
        before = self.read(name, {"cell": pl.String})
        if before is not None:
            others = before.filter(pl.col("cell") != cell)
            # A later version may have columns that were not there before.
            rows = pl.concat([others, rows], how="diagonal_relaxed")
        rows = rows.sort("cell", maintain_order=True)
        with replacing(self.path(name)) as temporary:
            temporary.write_bytes(sealed_table(rows, note_of(name)))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from writing meanwhile, as two may work on one study."""
        writable_folder(self.folder)
        with alone(self.folder / "writer"):
            yield


def note_of(name: str) -> str:
    """Return what the file of a table says that it is."""
    return f"the table {name} of a study"
