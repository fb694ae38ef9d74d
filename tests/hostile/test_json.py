"""Metrics and results of studies in JSON that nobody should read."""

import pytest

import edgescope as es
from edgescope.study.cell_work import read_result
from support.hostile_files import NO_JSON, refused, short, written
from support.stored_things import configured


@pytest.mark.parametrize(
    "text",
    [
        *NO_JSON,
        '{"history": 3}',
        '{"history": [3]}',
        '{"test_mae": "x"}',
        '{"epochs": "three"}',
        f'{{"epochs": {"9" * 6000}}}',
    ],
    ids=short,
)
def test_metrics(text, tmp_path):
    run = configured(tmp_path, 0)
    written(run.path / "metrics.json", text)
    refused(lambda: run.metrics)


@pytest.mark.parametrize("text", NO_JSON, ids=short)
def test_files_of_studies(text, tmp_path):
    written(tmp_path / "result.json", text)
    written(tmp_path / "study.json", text)
    refused(lambda: read_result(tmp_path))
    refused(lambda: es.study.load(tmp_path))
