"""From a table to a report on the command line."""

import json
import os
import shutil
import subprocess
import sys

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch_geometric.nn import GATConv, GCNConv

import edgescope as es
from edgescope.cli._results import show_sites
from edgescope.train import RunFolder
from support.waiting import interrupted


def test_train_leaves_a_folder_that_a_person_can_read(trained):
    names = {path.name for path in trained.iterdir()}
    assert {"config.yaml", "weights", "metrics.json", "logs", "checkpoints"} <= names
    config = (trained / "config.yaml").read_text()
    assert "num_layers: 2" in config
    assert "value" in config


def test_scan_and_report_follow_from_the_folder(edgescope, run_folder):
    code, out, _ = edgescope("scan", run_folder)
    assert code == 0
    assert "layers.1.attention:score" in out
    scan = es.load_scan(run_folder / "scan")
    assert "looked at 2 of 2 attention-like layers" in out
    assert scan.coverage.complete
    assert scan.baseline is not None
    assert scan.info.edge_type_names[:4] == ("none", "single", "double", "triple")
    code, out, _ = edgescope("report", run_folder)
    assert code == 0
    assert f"open {run_folder / 'report.html'}" in out
    assert (run_folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    json.loads((run_folder / "report.json").read_text())


def test_a_saved_scan_is_reported_too(edgescope, run_folder, tmp_path):
    edgescope("scan", run_folder)
    code, _, _ = edgescope("report", run_folder / "scan", "--out", tmp_path / "other.html")
    assert code == 0
    assert (tmp_path / "other.html").is_file()


DESIGNS = {
    "random_edges": {"share": 0.4, "seed": 3},
    "virtual_node": {"types": "two", "nodes": 2},
    "hub": {"edge_type": "single"},
    "full_graph": {"types": "constant"},
    "random_types": {"draw": "uniform", "per": "direction"},
}


@pytest.mark.parametrize("how", DESIGNS)
def test_a_run_on_rewired_graphs_is_scanned_on_the_same_graphs(edgescope, table, tmp_path, how):
    words = ["train", "--out", tmp_path, "--data", table, "--target-column", "value"]
    words += ["--recipe", "demo", "--epochs", "1", "--set", "num_layers=2", "--set"]
    words += ["hidden_dim=16", "--set", "num_heads=4", "--rewire", how]
    for name, value in DESIGNS[how].items():
        words += [f"--rewire-{name.replace('_', '-')}", str(value)]
    assert edgescope(*words)[0] == 0
    spec = RunFolder(tmp_path).data
    assert spec["rewire"] == {"how": how, **DESIGNS[how]}
    code, _, err = edgescope("scan", tmp_path)
    assert (code, err.count("Error")) == (0, 0)
    test = es.data.load(**spec, progress=False).test
    scan = es.load_scan(tmp_path / "scan")
    counted = scan.by_edge_type().filter(pl.col("site") == "layers.0.attention:score")
    names = counted.filter(pl.col("edges") > 0).select("edge_type", "edges").rows()
    numbers = torch.bincount(test.edge_types, minlength=len(test.edge_type_names)).tolist()
    expected = zip(test.edge_type_names, numbers, strict=True)
    assert sorted(names) == sorted((name, count) for name, count in expected if count)


def test_a_share_without_a_rewiring_is_refused(edgescope, table, tmp_path):
    words = ("train", "--out", tmp_path, "--data", table, "--rewire-share", "0.4")
    code, _, err = edgescope(*words)
    assert code != 0
    assert "received --rewire-share 0.4, which has no effect without --rewire" in err


def test_other_molecules_are_scanned_all_together(edgescope, run_folder, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("structure\nCCO\nCC#N\nnot a molecule\n")
    words = ("--data", other, "--smiles-column", "structure")
    code, _, err = edgescope("scan", run_folder, *words)
    assert code == 0
    assert "not a molecule" in err
    assert es.load_scan(run_folder / "scan").info.graphs == 2


def test_sites_are_listed_in_full_without_a_scan(edgescope, run_folder):
    code, out, err = edgescope("scan", run_folder, "--list-sites")
    assert (code, err) == (0, "")
    assert not (run_folder / "scan").exists()
    model = RunFolder(run_folder).model("untrained")
    lines = [line.rstrip() for line in out.splitlines()]
    for row in es.capture.sites(model).select("site", "layer", "shape", "formula").iter_rows():
        assert any(all(text in line for text in row) for line in lines)


def test_what_cannot_be_captured_is_listed_with_the_reason(capsys):
    layers = nn.ModuleDict({"gcn": GCNConv(4, 4), "gat": GATConv(4, 4)})
    show_sites(layers)
    out = capsys.readouterr().out
    assert "gat:message" in out
    refused = out[out.index("cannot be captured") :]
    assert "gcn" in refused
    assert "es.capture.register" in refused


def test_sites_to_scan_are_chosen_by_patterns(edgescope, run_folder):
    words = ("--sites", "layers.1.*:score", "--sites", "layers.0.*:message")
    code, _, _ = edgescope("scan", run_folder, *words)
    assert code == 0
    sites = ["layers.0.attention:message", "layers.1.attention:score"]
    assert list(es.load_scan(run_folder / "scan").sites) == sites


def test_a_non_finite_activation_is_reported_and_the_scan_goes_on(edgescope, run_folder):
    model = es.models.load(run_folder / "weights" / "trained.safetensors")
    with torch.no_grad():
        model.layers[1].attention.query.weight[0, 0] = float("nan")
    es.models.save(model, run_folder / "weights" / "trained.safetensors")
    code, _, err = edgescope("scan", run_folder)
    assert code == 0
    assert "activations that are not finite" in err
    assert "layers.1.attention:score" in err
    broken = es.load_scan(run_folder / "scan").nonfinite()
    assert set(broken["site"]) == {"layers.1.attention:score"}
    assert broken.height == es.load_scan(run_folder / "scan").info.graphs


def test_data_lists_the_sets_and_counts_one(edgescope):
    listed = edgescope("data")[1]
    assert edgescope("data", "list")[1] == listed
    assert [line.split()[0] for line in listed.splitlines()[1:]] == es.data.names()
    code, out, _ = edgescope("data", "solubility")
    assert code == 0
    counts = {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:]}
    assert counts["molecules"] == ["923", "102", "257"]
    assert counts["directed_edges"] == ["24548", "2858", "6896"]


@pytest.mark.filterwarnings("default::edgescope.lib.errors.EdgescopeWarning")
def test_a_warning_is_one_line(edgescope, table, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("where the cache should be")
    monkeypatch.setenv("EDGESCOPE_CACHE", str(tmp_path / "file"))
    code, _, err = edgescope("data", table)
    assert code == 0
    (line,) = (line for line in err.splitlines() if line.startswith("warning: "))
    assert str(tmp_path / "file") in line


@pytest.mark.parametrize(
    "command",
    [
        *("demo", "train", "scan", "interpret", "ablate", "precision", "attack", "explain"),
        *("report", "data"),
    ],
)
def test_every_command_explains_itself(edgescope, command):
    code, out, _ = edgescope(command, "--help")
    assert code == 0
    assert len(out.splitlines()) > 8


@pytest.mark.slow
def test_a_demo_that_is_interrupted_goes_on(edgescope, tmp_path):
    """Ctrl-C during training leaves a folder from which the same command finishes."""
    folder = tmp_path / "demo"
    words = ["demo", "--out", str(folder), "--epochs", "3"]
    command = [sys.executable, "-m", "edgescope", *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    child, err = interrupted(
        lambda: subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment),
        (folder / "checkpoints" / "last.ckpt").exists,
        lambda: shutil.rmtree(folder),
    )
    assert child.returncode == 130
    assert "run the same command again to resume" in err
    assert not (folder / "report.html").exists()
    assert edgescope(*words)[0] == 0
    assert (folder / "report.html").exists()
    run = RunFolder(folder)
    assert run.metrics["epochs"] == 3
    before, after = (load_file(run.weights(stage)) for stage in ("untrained", "trained"))
    assert any(not torch.equal(before[name], after[name]) for name in before)
