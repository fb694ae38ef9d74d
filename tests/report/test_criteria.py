"""A report by any criterion says what the scan says."""

import json
import math
import re

import numpy as np
import polars as pl
import pytest

import edgescope as es
from edgescope.plots.formats import number, percent
from edgescope.report.numbers import collect
from edgescope.scanning.criteria import Bounds

ENSEMBLE = es.Untrained(6)
LARGE = es.Criterion("large", ratio=0, magnitude=2.0)


def grow(model):
    """One channel massive at one site, a whole layer grown at another."""
    model.layers[1].attention.edge.weight[5] *= 1e5
    model.layers[2].attention.edge.weight *= 1e3


RULES = {
    "calibrated": es.Calibrated(rate=0.02),
    "composed": es.Calibrated(rate=0.02) & LARGE,
    "either": es.Criterion("low", ratio=100.0) | LARGE,
    "magnitude": LARGE,
    "sun2024": "sun2024",
}


@pytest.fixture(scope="module")
def scans(build):
    return {name: build(grow, baseline=ENSEMBLE, criterion=rule) for name, rule in RULES.items()}


@pytest.fixture(scope="module")
def calibrated(scans):
    return scans["calibrated"]


@pytest.fixture(scope="module")
def page(calibrated, tmp_path_factory):
    path = calibrated.report(tmp_path_factory.mktemp("calibrated") / "report.html")
    return path.read_text(encoding="utf-8")


def same(left, right):
    """Compare rows; a number that is not finite is None in the report."""
    return all(
        right[name] is None
        if isinstance(value, float) and not math.isfinite(value)
        else right[name] == value
        for name, value in left.items()
    )


def test_the_evidence_of_a_calibrated_criterion_is_the_scans(calibrated):
    (found,) = collect(calibrated, None, None)["calibration"]
    rows = calibrated.calibration().to_dicts()
    assert (found["rate"], found["fdr"], found["members"]) == (0.02, 0.05, 6)
    assert found["beyond"] == calibrated.calibration()["extrapolated"].sum()
    assert all(same(ours, theirs) for ours, theirs in zip(rows, found["rows"], strict=True))


def test_the_calibrated_part_of_a_composed_criterion_is_evidence_too(scans):
    (found,) = collect(scans["composed"], None, None)["calibration"]
    rows = scans["composed"].calibration(RULES["calibrated"]).to_dicts()
    assert all(same(ours, theirs) for ours, theirs in zip(rows, found["rows"], strict=True))


@pytest.mark.parametrize("kind", RULES)
def test_counts_over_the_thresholds_are_the_scans(scans, kind):
    scan = scans[kind]
    for entry in collect(scan, None, None)["sites"]:
        site, bounds = entry["site"], scan.info.criterion.bounds(entry["site"])
        for axis, limit in bounds._asdict().items():
            found = entry["judged"][axis]
            if limit == math.inf:
                assert found is None
                continue
            for ending, of in (("", scan), ("_untrained", scan.baseline)):
                rows = of.by_edge_type(limit, axis).filter(site=site)
                assert found[f"over{ending}"] == rows["over"].sum()
                assert found[f"edges{ending}"] == rows["edges"].sum()
            assert found["threshold"] == rows["threshold"][0]


@pytest.mark.parametrize("kind", RULES)
def test_massive_edges_are_those_of_the_massive_rows(scans, kind):
    scan = scans[kind]
    rows = scan.massive().select("site", "graph", "edge").unique()
    for entry in collect(scan, None, None)["sites"]:
        assert entry["judged"]["massive"] == rows.filter(site=entry["site"]).height
        assert entry["judged"]["complete"]


@pytest.mark.parametrize("kind", RULES)
def test_rows_by_edge_type_are_the_scans_on_both_axes(scans, kind):
    scan = scans[kind]
    numbers = collect(scan, None, None)
    by_axis = {"ratio": [], "magnitude": numbers["by_magnitude"]}
    by_axis[numbers["scanned"]["axis"]] = numbers["by_edge_type"]
    bounds = scan.info.criterion.bounds(next(iter(scan.sites)))
    for axis, found in by_axis.items():
        bounded = getattr(bounds, axis) < math.inf
        rows = scan.by_edge_type(axis=axis).to_dicts() if bounded else []
        assert all(same(ours, theirs) for ours, theirs in zip(rows, found, strict=True))


def test_heat_maps_show_magnitudes_where_only_these_are_over(calibrated):
    sites = collect(calibrated, None, None)["sites"]
    assert [site["axis"] for site in sites[1:]] == ["ratio", "magnitude"]
    for site in sites:
        limit = getattr(calibrated.info.criterion.bounds(site["site"]), site["axis"])
        for entry in site["heat_maps"]["types"]:
            number_of = calibrated.info.edge_type_names.index(entry["edge_type"])
            share, exact = calibrated[site["site"]].heat_map(limit, number_of, site["axis"])
            assert np.array_equal(share, entry["share"])
            assert site["heat_maps"]["threshold"] == exact


def test_significant_sites_are_marked_and_named(calibrated, page):
    table = calibrated.table()
    significant = table.filter("massive")["site"].to_list()
    assert significant == list(calibrated.sites)[1:]
    numbers = collect(calibrated, None, None)
    assert [site["judged"]["significant"] for site in numbers["sites"]] == table[
        "massive"
    ].to_list()
    first = numbers["summary"][0]
    assert first.startswith("At 2 of 3 sites the largest edges lie further beyond those of")
    assert all(site in first for site in significant)
    marked = re.findall(
        r'<tr class="row massive"[^>]*>\s*<th scope="row"><a href="#(site-\d)"', page
    )
    assert marked == ["site-1", "site-2"]


def test_the_page_shows_the_evidence_of_every_site(calibrated, page):
    section = re.search(r'<section id="criterion">(.*?)</section>', page, re.DOTALL)[1]
    evidence = re.search(r"<tbody>(.*?)</tbody>", section, re.DOTALL)[1]
    lines = re.findall(r"<tr.*?</tr>", evidence, re.DOTALL)
    rows = calibrated.calibration().to_dicts()
    for line, row in zip(lines, rows, strict=True):
        assert re.findall(r"<td[^>]*>(.*?)</td>", line) == [
            row["axis"],
            *(number(row[name]) for name in ("threshold", "over", "expected", "p", "q")),
            "yes" if row["massive"] else "no",
            number(row["spread"]),
            number(row["members_over"]),
            percent(row["supported"]),
        ]


def test_nothing_beyond_chance_is_said_so(build):
    scan = build(baseline=ENSEMBLE, criterion="calibrated")
    assert not scan.table()["massive"].any()
    numbers = collect(scan, None, None)
    assert numbers["summary"][0].startswith("At none of 3 sites do the largest edges lie further")
    texts = {entry["what"]: entry["text"] for entry in numbers["not_found"]}
    assert texts["Sites without massive activations"].startswith("No more than chance allows")


def test_a_composed_criterion_is_named_and_its_edges_counted(scans):
    numbers = collect(scans["composed"], None, None)
    edges = scans["composed"].massive_edges()["massive"]
    assert (
        f"(calibrated & large) calls an activation massive, on {edges.sum():,} edges"
        in (numbers["summary"][0])
    )
    texts = {entry["what"]: entry["text"] for entry in numbers["not_found"]}
    assert "look at one bound at a time" in texts["Activations not listed one by one"]


@pytest.mark.parametrize("kind", ["calibrated", "composed", "either", "magnitude"])
def test_molecules_are_those_farthest_over_a_threshold(scans, kind):
    scan, best = scans[kind], {}
    for row in scan.massive().filter(pl.col("graph").is_in(list(scan.smiles))).to_dicts():
        bounds = scan.info.criterion.bounds(row["site"])
        sizes = Bounds(row["ratio"], abs(row["value"]))
        times = max(size / limit for size, limit in zip(sizes, bounds, strict=True) if size > 0)
        best[row["graph"]] = max(times, best.get(row["graph"], 0.0))
    gallery = collect(scan, None, None)["gallery"]
    expected = sorted(best.values(), reverse=True)[: len(gallery)]
    np.testing.assert_allclose([entry["excess"] for entry in gallery], expected, rtol=1e-6)
    assert all(bond["excess"] > 1 for entry in gallery for bond in entry["bonds"])


@pytest.mark.parametrize("kind", RULES)
def test_every_report_is_written_with_its_numbers(scans, kind, tmp_path):
    path = scans[kind].report(tmp_path / "report.html")
    numbers = json.loads(path.with_suffix(".json").read_text())
    assert numbers["scanned"]["criterion"] == scans[kind].info.criterion.name
    shown = '<section id="criterion">' in path.read_text(encoding="utf-8")
    assert shown == (kind != "magnitude")
