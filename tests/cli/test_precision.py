"""`edgescope precision`, from a trained run to a saved result."""

import json

import pytest

import edgescope as es
from support.refusals import assert_refused

FEW = ("--split", "train", "--format", "bfloat16")


def test_a_run_is_measured_into_its_folder(edgescope, run_folder):
    code, out, err = edgescope("precision", run_folder, *FEW, "--where", "5", "--graphs", "9")
    assert (code, err) == (0, "")
    found = es.Precision.load(run_folder / "precision")
    assert (found.info.graphs, found.info.metric, found.info.where) == (9, "mae", "ratio above 5")
    assert found.info.formats == ("float32", "bfloat16")
    assert found.info.remedies == ("clip", "mean", "fold")
    assert all(verdict in out for verdict in found.verdicts())
    assert f"saved in {run_folder / 'precision'}" in out


def test_json_holds_the_table_and_remedies_can_be_left_out(edgescope, run_folder, tmp_path):
    words = (*FEW, "--remedy", "none", "--sites", "*:score", "--json", "--out", tmp_path / "there")
    code, out, _ = edgescope("precision", run_folder, *words)
    assert code == 0
    table = json.loads(out)["precision"]
    assert [row["format"] for row in table] == ["float32", "bfloat16"]
    found = es.Precision.load(tmp_path / "there")
    assert set(found.headroom("site")["place"]) == {
        "layers.0.attention:score",
        "layers.1.attention:score",
    }


@pytest.mark.filterwarnings("default::edgescope.lib.errors.EdgescopeWarning")
def test_a_model_of_ones_own_is_measured(edgescope, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert edgescope("init", "example.py")[0] == 0
    code, _, err = edgescope("precision", "example.py:build", "--format", "float16")
    assert code == 0, err
    found = es.Precision.load(tmp_path / "run" / "precision")
    assert found.table()["verdict"].is_in(["safe", "undecided", "loses", "overflows"])[0]


def test_what_cannot_be_done_is_said_in_one_line(edgescope, run_folder):
    for words, message in (
        (("--format", "float8"), "unknown format 'float8'"),
        (("--remedy", "gate"), "unknown remedy 'gate'"),
        (("--where", "scan"), "has not been scanned"),
    ):
        assert_refused(edgescope("precision", run_folder, *words), message)
