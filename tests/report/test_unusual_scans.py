"""Scans that lack something still give a complete report."""

import json
import re
from html import escape
from operator import truediv

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.plots.formats import percent
from edgescope.scanning.criteria import Criterion
from edgescope.scanning.result import Scan

LOW = Criterion("low", ratio=7.3)
LARGE = Criterion("large", ratio=0, magnitude=2.0)
ENSEMBLE = es.Untrained(5)


def plain_graphs():
    """Two rings of one edge type and no molecule."""
    source = torch.arange(6)
    ring = torch.stack([source, (source + 1) % 6])
    edges = torch.cat([ring, ring.flip(0)], dim=1)
    types = torch.ones(12, dtype=torch.long)
    graphs = [Data(x=torch.arange(6) % size, edge_index=edges, edge_attr=types) for size in (2, 3)]
    return DataLoader(graphs, 2)


def silence(model):
    for layer in model.layers:
        layer.attention.edge.weight.zero_()


def silence_doubles(model):
    """Of double bonds the first scores are zeros, of others massive."""
    model.edge_embedding.weight[1].zero_()
    model.layers[0].attention.edge.weight[5] *= 1e5


def renamed(scan):
    names = {site: f"encoder ${number}$.score" for number, site in enumerate(scan.sites)}
    sites = {names[site]: found for site, found in scan.sites.items()}
    return Scan(sites, scan.info, scan.smiles)


SCANS = {
    "no baseline": lambda build, plant: build(plant, baseline=False),
    "nothing massive": lambda build, _: build(),
    "one site": lambda build, plant: build(plant, layers=1),
    "no smiles": lambda build, plant: Scan(build(plant).sites, build(plant).info),
    "one edge type": lambda build, plant: build(plant, loader=plain_graphs()),
    "unnamed types": lambda build, plant: build(
        plant, loader=plain_graphs(), edge_type_names=["a", "b", "c", "d"]
    ),
    "no ratio defined": lambda build, _: build(silence, baseline=False),
    "ratios of some edges defined": lambda build, _: build(silence_doubles),
    "one head": lambda build, plant: build(plant, num_heads=1),
    # More than the 20 figures after which matplotlib warns that they stay open.
    "two dozen sites": lambda build, plant: build(plant, layers=24),
    "dollars in names": lambda build, plant: renamed(build(plant)),
    "another threshold": lambda build, plant: build(plant, keep_ratio=5.0, criterion=LOW),
    "rows kept above the threshold": lambda build, plant: build(plant, criterion=LOW),
    "magnitude only": lambda build, plant: build(plant, criterion=LARGE),
    "magnitude only, no baseline": lambda build, plant: build(
        plant, criterion=LARGE, baseline=False
    ),
    "ratio or magnitude": lambda build, plant: build(plant, criterion=LOW | LARGE),
    "ratio and magnitude": lambda build, plant: build(plant, criterion="sun2024"),
    "two magnitudes": lambda build, plant: build(
        plant, criterion=LARGE & Criterion("larger", ratio=0, magnitude=3.0)
    ),
    "calibrated": lambda build, plant: build(plant, criterion="calibrated", baseline=ENSEMBLE),
    "calibrated, nothing massive": lambda build, _: build(
        criterion="calibrated", baseline=ENSEMBLE
    ),
    "calibrated and another": lambda build, plant: build(
        plant, criterion=es.Calibrated(rate=0.02) & LARGE, baseline=ENSEMBLE
    ),
    "calibrated twice": lambda build, plant: build(
        plant, criterion=es.Calibrated(rate=0.02) | es.Calibrated(name="strict"), baseline=ENSEMBLE
    ),
    "calibrated, no ratio defined": lambda build, _: build(
        silence, criterion="calibrated", baseline=ENSEMBLE
    ),
    "calibrated, no threshold": lambda build, _: build(
        silence,
        criterion="calibrated",
        baseline=es.Untrained(5, keep=("*attention.edge.weight",)),
    ),
    "calibrated, few rows kept": lambda build, plant: build(
        plant, criterion="calibrated", baseline=ENSEMBLE, max_rows=5
    ),
    "thresholds from elsewhere": lambda build, plant: build(
        plant,
        criterion=build(plant, criterion="calibrated", baseline=ENSEMBLE).info.criterion,
    ),
    "coarse heat maps": lambda build, plant: build(plant, criterion=LOW, joint_budget=20_000),
}


@pytest.mark.parametrize("kind", SCANS)
def test_report_is_complete(build, plant, tmp_path, kind, recwarn):
    scan = SCANS[kind](build, plant)
    path = scan.report(tmp_path / "report.html")
    page = path.read_text(encoding="utf-8")
    numbers = json.loads(path.with_suffix(".json").read_text())
    for over, edges, share in re.findall(r"([\d,]+) of ([\d,]+) edges \(([^)]+)\) have a", page):
        stated = (int(each.replace(",", "")) for each in (over, edges))
        assert escape(percent(truediv(*stated))) == share
    for section in ("scanned", "sites", "by-site", "gallery", "not-found", "not-finite"):
        assert f'<section id="{section}">' in page
    assert page.count('<section class="site"') == len(scan.sites) == len(numbers["table"])
    assert 2 <= len(numbers["summary"]) <= 4
    assert not [warning for warning in recwarn if "matplotlib" in warning.filename]


def test_without_baseline_nothing_claims_training(build, plant, tmp_path):
    page = build(plant, baseline=False).report(tmp_path / "report.html").read_text("utf-8")
    assert ">untrained<" not in page
    assert 'class="before"' not in page
    assert "scanned model" in page


def test_without_smiles_the_gallery_says_so(planted, tmp_path):
    scan = Scan(planted.sites, planted.info)
    page = scan.report(tmp_path / "report.html").read_text("utf-8")
    assert "no graph with a SMILES has a massive activation" in page


def test_site_without_massive_activations_says_so_in_place_of_heat_maps(quiet, tmp_path):
    page = quiet.report(tmp_path / "report.html").read_text("utf-8")
    assert page.count("so there is no heat map") == 3


def test_fit_that_failed_is_named_on_the_figure(build, tmp_path):
    def double(model):
        model.layers[1].attention.edge.weight[5] *= 1e30

    path = build(double).report(tmp_path / "report.html")
    sites = json.loads(path.with_suffix(".json").read_text())["sites"]
    failed = [site for site in sites if site["gamma"]["trained"]["problem"]]
    assert failed
    page = path.read_text(encoding="utf-8")
    assert page.count("no gamma law fits (trained)") == len(failed)


def test_threshold_between_bins_is_stated_as_it_was_counted(build, plant, tmp_path):
    scan = build(plant, criterion=LOW, keep_ratio=5.0)
    path = scan.report(tmp_path / "report.html")
    counted = json.loads(path.with_suffix(".json").read_text())["scanned"]["threshold"]
    assert counted != LOW.ratio
    assert f"(counted at {counted:.6g}, the nearest edge between bins)" in path.read_text("utf-8")
