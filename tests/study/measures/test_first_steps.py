"""Emergence: the steps of the record, null where nothing rises."""

import dataclasses
from types import SimpleNamespace

import polars as pl

import edgescope as es
from edgescope.scanning.monitoring.training_record import schema
from edgescope.study.measures.first_steps import emergence


def test_a_rise_has_its_step_and_a_level_curve_none(measured, tmp_path):
    rising, level = measured.scan.sites
    rows = [
        {"step": step, "site": site, "largest_ratio": ratio * (1 + 0.01 * (step % 7))}
        for step in range(40)
        for site, ratio in ((rising, 20.0 if step < 25 else 3000.0), (level, 20.0))
    ]
    record = es.TrainingRecord(pl.DataFrame(rows, schema=schema((100.0,))))
    run = SimpleNamespace(monitor=record.save(tmp_path / "monitor.parquet"))
    found = emergence(dataclasses.replace(measured, run=run))["emergence"]
    assert found["site"].to_list() == [rising, level]
    assert found["step"].to_list() == [25, None]
    assert found["low"][0] <= 25 <= found["high"][0]


def test_a_training_that_was_not_watched_has_no_table(measured, tmp_path):
    assert emergence(measured) == {}
    run = SimpleNamespace(monitor=tmp_path / "none.parquet")
    assert emergence(dataclasses.replace(measured, run=run)) == {}
