"""Tables of results in ``results/NAME.parquet``, to which the rows of one cell after another come.

A cell's rows carry its name in the column ``cell``. Its row in the table of cells is written last,
so that a cell stands there only if all of its rows are in the other tables.
"""

from pathlib import Path

import polars as pl

from edgescope.lib.files import replacing, writable_folder
from edgescope.lib.input_files import reading

CELLS = "node_cells"
"""Table of the cells that are done."""


class ResultStore:
    """The tables of a folder.

    Args:
        out: the folder; the tables are in ``results`` in it.
    """

    def __init__(self, out: Path) -> None:
        self.folder = writable_folder(out / "results")

    def table(self, name: str) -> pl.DataFrame:
        """Return a table with the rows of the cells that are done; empty if there is none yet.

        Raises:
            InputError: if its file is damaged.
        """
        found = self._read(name)
        return found if name == CELLS else found.join(self._read(CELLS), on="cell", how="semi")

    def add(self, cell: str, tables: dict[str, pl.DataFrame], facts: pl.DataFrame) -> None:
        """Write what a cell has found, in place of what it may have left when it was stopped.

        Args:
            cell: its name.
            tables: name of each table to its rows, without ``cell``.
            facts: one row for the table of cells.
        """
        for name, rows in (*tables.items(), (CELLS, facts)):
            before = self._read(name).filter(pl.col("cell") != cell)
            new = rows.select(pl.lit(cell).alias("cell"), pl.all())
            both = pl.concat([before, new], how="diagonal") if before.height else new
            with replacing(self.folder / f"{name}.parquet") as temporary:
                both.write_parquet(temporary)

    def _read(self, name: str) -> pl.DataFrame:
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            return pl.DataFrame(schema={"cell": pl.String})
        with reading(f"{path}", "delete it and run the study again"):
            return pl.read_parquet(path, glob=False, hive_partitioning=False)
