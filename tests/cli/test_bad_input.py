"""Bad input: exit code 2, one clear line, nothing half-written."""

import pickle

import pytest
import torch

import edgescope as es
from support.refusals import assert_refused


def files_below(folder):
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_missing_file(edgescope, tmp_path):
    result = edgescope("train", "--out", tmp_path / "run", "--data", tmp_path / "none.csv")
    assert_refused(result, "none.csv")
    assert not (tmp_path / "run").exists()


def test_processes_that_would_share_batch_norm(edgescope, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    out = tmp_path / "run"
    words = ("--data", "solubility", "--recipe", "demo", "--processes", "2")
    result = edgescope("train", "--out", out, *words)
    assert_refused(result, "processes=2", "batch_norm=False")
    assert not out.exists()


@pytest.mark.parametrize(
    "words", [("--smiles-column", "SMILE"), ("--target-column", "valu")], ids=["smiles", "target"]
)
def test_a_column_that_is_not_there(edgescope, table, words):
    assert_refused(edgescope("data", table, *words), words[1], "value")


def test_no_parsable_molecule(edgescope, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("smiles\nxyz\n((\n")
    assert_refused(edgescope("data", path), "bad.csv")


def test_a_molecule_without_bonds(edgescope, tmp_path):
    path = tmp_path / "methane.csv"
    path.write_text("smiles\nC\n")
    assert_refused(edgescope("data", path), "bond")


def test_an_atom_type_that_the_model_has_not_seen(edgescope, run_folder, tmp_path):
    path = tmp_path / "tin.csv"
    path.write_text("smiles\nC[Sn](C)(C)C\n")
    before = files_below(run_folder)
    assert_refused(edgescope("scan", run_folder, "--data", path), "Sn")
    assert files_below(run_folder) == before


def test_a_bond_type_that_the_model_has_not_seen(edgescope, run_folder, tmp_path):
    path = tmp_path / "dative.csv"
    path.write_text("smiles\nN->C\n")
    assert_refused(edgescope("scan", run_folder, "--data", path), "dative")


def test_weights_of_another_configuration(edgescope, run_folder, tmp_path):
    other = es.models.GraphTransformer(
        num_atom_types=9, num_bond_types=4, hidden_dim=8, num_heads=2, num_layers=1
    )
    path = es.models.save(other, tmp_path / "other.safetensors")
    result = edgescope("scan", run_folder, "--weights", path)
    assert_refused(result, "another configuration")
    assert not (run_folder / "scan").exists()


def test_a_truncated_weights_file(edgescope, run_folder):
    path = run_folder / "weights" / "trained.safetensors"
    path.write_bytes(path.read_bytes()[:200])
    assert_refused(edgescope("scan", run_folder), "trained.safetensors", "truncated")
    assert not (run_folder / "scan").exists()


def test_a_hostile_weights_file_is_not_run(edgescope, run_folder, tmp_path):
    class Hostile:
        def __reduce__(self):
            return ((tmp_path / "owned").write_text, ("yes",))

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Hostile()))
    assert_refused(edgescope("scan", run_folder, "--weights", path), "pickle")
    assert not (tmp_path / "owned").exists()


def test_a_hostile_training_checkpoint_is_not_run(edgescope, run_folder, table, tmp_path):
    class Hostile:
        def __reduce__(self):
            return ((tmp_path / "owned").write_text, ("yes",))

    torch.save(Hostile(), run_folder / "checkpoints" / "last.ckpt")
    words = ["train", "--out", run_folder, "--data", table, "--target-column", "value"]
    words += ["--recipe", "demo", "--epochs", "3", "--set", "num_layers=2"]
    words += ["--set", "hidden_dim=16", "--set", "num_heads=4"]
    assert_refused(edgescope(*words), "last.ckpt")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("command", [("demo",), ("train", "--data", "solubility")])
def test_an_output_folder_that_cannot_be_written(edgescope, tmp_path, command):
    (tmp_path / "file").write_text("in the way")
    if "train" in command:
        command += ("--recipe", "demo")
    result = edgescope(*command, "--out", tmp_path / "file" / "run")
    assert_refused(result, "cannot write", "--out")


def test_a_report_that_cannot_be_written(edgescope, run_folder, tmp_path):
    edgescope("scan", run_folder)
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "report.html"
    assert_refused(edgescope("report", run_folder, "--out", out), "cannot write")


def test_a_folder_that_is_no_run(edgescope, tmp_path):
    assert_refused(edgescope("scan", tmp_path), "config.yaml")


def test_a_run_that_has_not_been_scanned(edgescope, run_folder):
    assert_refused(edgescope("report", run_folder), f"edgescope scan {run_folder}")


def test_a_run_of_another_recipe(edgescope, run_folder, table):
    words = ("train", "--out", run_folder, "--data", table, "--target-column", "value")
    assert_refused(edgescope(*words, "--recipe", "demo"), "another run")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("scan",), "Missing argument"),
        (("scann", "run"), "scann"),
        (("train", "--data", "x.csv"), "--out"),
        (("train", "--out", "run", "--data", "solubility", "--set", "seed"), "NAME=VALUE"),
        (("train", "--out", "run", "--data", "solubility", "--set", "sed=1"), "'seed'"),
        (("train", "--out", "run", "--data", "solubility", "--recipe", "best"), "demo"),
        (("data", "zinc12kk"), "zinc12k"),
    ],
)
def test_words_that_make_no_command(edgescope, tmp_path, monkeypatch, words, part):
    monkeypatch.chdir(tmp_path)
    assert_refused(edgescope(*words), part)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--criterion", "loud"), "paper2025"),
        (("--split", "dev"), "train, val, test"),
        (("--sites", "layers.9.*"), "layers.0.attention:score"),
        (("--sites", "*:weight"), "one number per edge and head"),
    ],
)
def test_options_of_a_scan_that_mean_nothing(edgescope, run_folder, words, part):
    assert_refused(edgescope("scan", run_folder, *words), part)
    assert not (run_folder / "scan").exists()


def test_debug_shows_the_traceback(tmp_path):
    from edgescope.cli import main
    from edgescope.lib.errors import InputError

    with pytest.raises(InputError):
        main(["--debug", "scan", str(tmp_path)])
