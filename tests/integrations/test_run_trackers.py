"""A scan as artefacts of a run of MLflow and of Weights & Biases, by the real packages."""

import json
import sys
from pathlib import Path

import mlflow
import pytest
import torch
import wandb

import edgescope as es
from edgescope.integrations import log_mlflow, log_wandb, scan_metrics
from edgescope.lib.errors import InputError, MissingExtraError


@pytest.fixture(scope="module")
def loader():
    return es.data.loader(es.data.load("solubility").test[:48])


@pytest.fixture(scope="module")
def model(loader):
    torch.manual_seed(0)
    sizes = loader.dataset.model_sizes
    return es.models.GAT(**sizes, hidden_dim=8, num_heads=2, num_layers=2).eval()


@pytest.fixture(scope="module")
def scan(model, loader):
    return es.scan(model, loader, progress=False)


def same(folder, scan):
    """Return whether a folder holds a scan, and a report with the findings."""
    numbers = json.loads((folder / "report.json").read_text())
    assert "diagnosis" in numbers
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    return es.load_scan(folder / "scan").table().equals(scan.table())


def test_mlflow_keeps_scan_report_and_numbers(scan, model, loader, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow.set_tracking_uri(f"file:{tmp_path}/mlruns")
    with pytest.raises(InputError, match="no run of MLflow is active"):
        log_mlflow(scan)
    findings = es.diagnose(model, loader, progress=False)
    with mlflow.start_run() as run:
        uri = log_mlflow(scan, diagnosis=findings)
    log_mlflow(scan, name="again", run_id=run.info.run_id, diagnosis=findings)
    read = mlflow.get_run(run.info.run_id)
    assert uri == f"{read.info.artifact_uri}/edgescope"
    assert same(tmp_path / "mlruns" / uri.partition("/mlruns/")[2], scan)
    expected = {name.replace(":", "_"): v for name, v in scan_metrics(scan).items()}
    expected |= {name.replace(":", "_"): v for name, v in scan_metrics(scan, "again").items()}
    assert read.data.metrics == pytest.approx(expected)


def test_wandb_keeps_scan_report_and_numbers(scan, model, loader, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    for folder in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"WANDB_{folder}_DIR", str(tmp_path / folder))
    with pytest.raises(InputError, match=r"call wandb\.init"):
        log_wandb(scan)
    findings = es.diagnose(model, loader, progress=False)
    with wandb.init(project="test", mode="offline", dir=tmp_path) as run:
        artifact = log_wandb(scan, diagnosis=findings)
        summary = {name: run.summary[name] for name in scan_metrics(scan)}
    assert (artifact.type, artifact.name.partition(":")[0]) == ("scan", "edgescope")
    assert summary == scan_metrics(scan)
    held = {name: entry.local_path for name, entry in artifact.manifest.entries.items()}
    for name, path in held.items():
        copy = tmp_path / "held" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(Path(path).read_bytes())
    assert same(tmp_path / "held", scan)
    assert list(tmp_path.glob("wandb/offline-run-*/files/media/html/edgescope/report*.html"))


@pytest.mark.parametrize(("log", "package"), [(log_mlflow, "mlflow"), (log_wandb, "wandb")])
def test_a_package_that_is_missing_is_asked_for_by_its_command(scan, monkeypatch, log, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=f"pip install {package}"):
        log(scan)


def test_what_is_no_scan_is_refused():
    for log in (log_mlflow, log_wandb):
        with pytest.raises(InputError, match="expected a scan"):
            log("run/scan")
