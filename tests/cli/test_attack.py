"""`edgescope attack`, from a trained run to a saved result."""

import json

import pytest

import edgescope as es
from support.refusals import assert_refused

FEW = ("--split", "train", "--restarts", "2", "--steps", "1")


def test_a_run_is_attacked_into_its_folder(edgescope, run_folder):
    code, out, err = edgescope("attack", run_folder, *FEW)
    assert (code, err) == (0, "")
    found = es.NoiseAttack.load(run_folder / "attack")
    assert (found.std, found.steps, found.metric) == (0.1, 1, "mae")
    assert {kind: len(each) for kind, each in found.scores.items()} == {
        "none": 1,
        "random": 2,
        "ascent": 2,
    }
    assert found.conclusion() in out
    assert f"saved in {run_folder / 'attack'}" in out


def test_json_holds_the_table_and_another_seed_gives_other_noise(edgescope, run_folder, tmp_path):
    code, out, _ = edgescope("attack", run_folder, *FEW, "--json", "--out", tmp_path / "a")
    assert code == 0
    first = es.NoiseAttack.load(tmp_path / "a")
    table = json.loads(out)["attack"]
    assert [row["noise"] for row in table] == ["none", "random", "ascent", "gain"]
    assert table[2]["mean"] == pytest.approx(sum(first.losses["ascent"]) / 2)
    edgescope("attack", run_folder, *FEW, "--seed", "1", "--out", tmp_path / "b")
    other = es.NoiseAttack.load(tmp_path / "b")
    assert other.losses["none"] == first.losses["none"]
    assert other.losses["random"] != first.losses["random"]


def test_noise_without_size_is_refused(edgescope, run_folder):
    assert_refused(edgescope("attack", run_folder, "--std", "0"), "received std=0")
