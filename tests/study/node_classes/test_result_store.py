"""The store: what counts is what a cell wrote last, and only once it is done."""

import polars as pl
import pytest

from edgescope.lib.errors import InputError
from edgescope.study.node_classes.result_store import CELLS, ResultStore


def rows(*numbers):
    return {"table": pl.DataFrame({"number": list(numbers)}, schema={"number": pl.Int64})}


def test_rows_of_a_cell_that_was_stopped_are_not_shown_and_are_replaced(tmp_path):
    store, facts = ResultStore(tmp_path), pl.DataFrame({"seed": [0]})
    store.add("first", rows(1, 2), facts)
    store.add("stopped", rows(3), facts)
    cells = tmp_path / "results" / f"{CELLS}.parquet"
    pl.read_parquet(cells).filter(cell="first").write_parquet(cells)  # as if killed before
    assert store.table("table")["number"].to_list() == [1, 2]
    store.add("stopped", rows(4, 5), facts)
    assert store.table("table")["number"].to_list() == [1, 2, 4, 5]
    store.add("first", rows(), facts)
    assert store.table("table")["number"].to_list() == [4, 5]


def test_a_damaged_table_is_refused(tmp_path):
    store = ResultStore(tmp_path)
    (tmp_path / "results" / f"{CELLS}.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(InputError, match="run the study again"):
        store.table(CELLS)
