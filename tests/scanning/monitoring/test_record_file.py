"""Rows that come one after the other, and the file that holds them at every moment."""

import polars as pl
import pytest

from edgescope.lib.errors import InputError
from edgescope.lib.sealed_table import sealed_table
from edgescope.scanning.monitoring import record_file
from edgescope.scanning.monitoring.record_file import RecordFile, read_record

SCHEMA = {"step": pl.Int64, "site": pl.String, "value": pl.Float64}


def rows(step, sites=3):
    return [{"step": step, "site": f"s{site}", "value": 0.1 * step} for site in range(sites)]


def test_the_file_lags_by_a_twentieth_at_most_and_is_rarely_written(tmp_path, monkeypatch):
    written = []

    def noted(table):
        written.append(table.height)
        return sealed_table(table)

    monkeypatch.setattr(record_file, "sealed_table", noted)
    kept = RecordFile(tmp_path / "r.parquet", SCHEMA)
    kept.begin()
    for step in range(400):
        kept.add(rows(step))
        assert kept.last_step == step
        if step % 37 == 0:
            assert kept.table.height == 3 * (step + 1)  # a look at it delays no writing
            there = read_record(kept.path, SCHEMA).height
            assert there >= kept.table.height * 20 / 21 - 3
    assert sum(written) < 30 * kept.table.height
    kept.flush()
    assert read_record(kept.path, SCHEMA).equals(kept.table)


def test_another_record_is_not_replaced_unless_asked_for(tmp_path):
    path = tmp_path / "r.parquet"
    first = RecordFile(path, SCHEMA)
    first.begin()
    first.add(rows(0))
    with pytest.raises(InputError, match=r"is there already.*overwrite=True"):
        RecordFile(path, SCHEMA).begin()
    assert read_record(path, SCHEMA).height == 3
    RecordFile(path, SCHEMA, overwrite=True).begin()
    assert read_record(path, SCHEMA).height == 0


def test_a_record_goes_on_from_its_rows_and_refuses_those_of_other_columns(tmp_path):
    first = RecordFile(None, SCHEMA)
    first.add(rows(0))
    second = RecordFile(tmp_path / "r.parquet", SCHEMA)
    second.go_on(first.table)
    second.begin()
    second.add(rows(1))
    assert read_record(second.path, SCHEMA)["step"].to_list() == [0, 0, 0, 1, 1, 1]
    with pytest.raises(InputError, match="other columns"):
        second.go_on(first.table.with_columns(more=1))


def test_a_record_that_was_changed_is_refused(tmp_path):
    path = tmp_path / "r.parquet"
    kept = RecordFile(path, SCHEMA)
    kept.begin()
    kept.add(rows(7))
    kept.table.with_columns(value=2.0).write_parquet(path)
    with pytest.raises(InputError, match="checksum"):
        read_record(path, SCHEMA)
