"""A folder of tables: what counts is what a cell wrote last, and only once it is done."""

import polars as pl
import pytest

from edgescope.lib.errors import InputError
from edgescope.study.table_folder import NODE_CELLS, RECORDS, TableFolder


def add(files, cell, *numbers, done=True):
    files.put("table", cell, pl.DataFrame({"number": numbers}, schema={"number": pl.Int64}))
    if done:
        files.put(NODE_CELLS, cell, pl.DataFrame({"seed": [0]}))


def test_rows_of_a_cell_that_was_stopped_are_not_shown_and_are_replaced(tmp_path):
    files = TableFolder(tmp_path)
    assert files.table("table") is None
    add(files, "second", 1, 2)
    add(files, "a stopped one", 3, done=False)
    assert files.table("table")["number"].to_list() == [1, 2]
    add(files, "a stopped one", 4, 5)
    assert files.table("table")["number"].to_list() == [4, 5, 1, 2]
    add(files, "second")
    assert files.table("table")["number"].to_list() == [4, 5]


def test_cells_of_a_grid_and_of_nodes_lie_in_one_folder(tmp_path):
    """As in the folder of a dossier, which also holds a table that is of no cells."""
    files = TableFolder(tmp_path)
    add(files, "nodes", 1)
    for cell, biases in (("grid", "true"), ("another", "false")):
        record = f'{{"cell": {{"recipe": {{"model": {{"use_bias": {biases}}}}}}}}}'
        files.put("cells", cell, pl.DataFrame({"seed": [0]}))
        files.put(RECORDS, cell, pl.DataFrame({"record": [record]}))
    assert files.names() == ["cells", NODE_CELLS, "table"]
    assert files.table("table")["cell"].to_list() == ["nodes"]
    assert dict(files.table("cells").select("cell", "use_bias").iter_rows()) == {
        "grid": True,
        "another": False,
    }


@pytest.mark.parametrize("name", ["table", NODE_CELLS])
def test_a_damaged_table_is_refused_with_what_to_do(name, tmp_path):
    files = TableFolder(tmp_path, "run the study again")
    add(files, "first", 1)
    files.path(name).write_bytes(b"PAR1 no table")
    with pytest.raises(InputError, match=rf"{name}\.parquet cannot be read .*run the study again"):
        files.table("table")
