"""`edgescope causes`, from a trained run to a saved result."""

import json

import pytest

import edgescope as es
from support.refusals import assert_refused

FEW = ("--split", "train", "--graphs", "9", "--where", "5", "--level", "layer")


def test_a_run_is_traced_into_its_folder(edgescope, run_folder):
    code, out, err = edgescope("causes", run_folder, *FEW, "--constancy")
    assert (code, err) == (0, "")
    found = es.Causes.load(run_folder / "causes")
    assert (found.info.graphs, found.info.metric, found.info.where) == (9, "mae", "ratio above 5")
    assert (found.info.levels, found.info.itself) == (("layer",), 0)
    assert all(verdict in out for verdict in found.verdicts())
    tested = es.intervene.Constancy.load(run_folder / "constancy")
    assert tested.conclusion() in out
    assert f"saved in {run_folder / 'causes'}" in out
    assert f"saved in {run_folder / 'constancy'}" in out


def test_json_holds_the_tables_and_patches_can_be_left_out(edgescope, run_folder, tmp_path):
    words = (*FEW, "--no-patches", "--sites", "*:score", "--json", "--out", tmp_path / "there")
    code, out, _ = edgescope("causes", run_folder, *words)
    assert code == 0
    printed = json.loads(out)
    assert [row["unit"] for row in printed["models"]] == ["trained", "untrained"]
    found = es.Causes.load(tmp_path / "there")
    assert found.info.itself is None
    assert not found.table("paths").height
    assert found.info.sites == ("layers.0.attention:score", "layers.1.attention:score")


@pytest.mark.filterwarnings("default::edgescope.lib.errors.EdgescopeWarning")
def test_a_model_of_ones_own_is_traced(edgescope, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert edgescope("init", "example.py")[0] == 0
    code, _, err = edgescope("causes", "example.py:build", "--where", "5", "--level", "layer")
    assert code == 0, err
    found = es.Causes.load(tmp_path / "run" / "causes")
    assert found.info.checked


def test_what_cannot_be_done_is_said_in_one_line(edgescope, run_folder):
    for words, message in (
        (("--level", "head"), "expected some of layer, module, tensor"),
        (("--share", "0"), "share=0"),
        (("--where", "scan"), "has not been scanned"),
        (("--sites", "nothing"), "no site matches"),
    ):
        assert_refused(edgescope("causes", run_folder, *words), message)
