"""The JSON file says what the scan's tables say, and what the figures show."""

import json
import math

import numpy as np
import polars as pl
import pytest


@pytest.fixture(scope="module")
def numbers(written):
    return json.loads(written.with_suffix(".json").read_text(encoding="utf-8"))


def same(left, right):
    """Compare rows; a number that is not finite is None in JSON."""
    if isinstance(left, float) and not math.isfinite(left):
        return right is None
    return left == right


def test_site_table_is_the_scans(numbers, planted):
    rows = planted.table().to_dicts()
    assert len(rows) == len(numbers["table"])
    for ours, theirs in zip(rows, numbers["table"], strict=True):
        assert all(same(value, theirs[name]) for name, value in ours.items())


def test_edge_type_table_is_the_scans_with_the_untrained_rate_beside_it(numbers, planted):
    before = planted.baseline.by_edge_type(1000)
    for ours, theirs, untrained in zip(
        planted.by_edge_type().to_dicts(), numbers["by_edge_type"], before.to_dicts(), strict=True
    ):
        assert all(same(value, theirs[name]) for name, value in ours.items())
        assert theirs["rate_untrained"] == untrained["rate"]


def test_gamma_parameters_and_heat_maps_are_the_scans(numbers, planted):
    for site in numbers["sites"]:
        for state, scan in (("trained", planted), ("untrained", planted.baseline)):
            fit = vars(scan.gamma(site["site"]))
            assert all(same(value, site["gamma"][state][name]) for name, value in fit.items())
        for entry in site["heat_maps"]["types"]:
            shares = planted.heat_map(site["site"], edge_type=entry["edge_type"])
            assert np.array_equal(shares, entry["share"])


def test_histogram_counts_every_ratio_once(numbers, planted):
    for site in numbers["sites"]:
        for state, scan in (("trained", planted), ("untrained", planted.baseline)):
            bars = site["histogram"][state]
            defined = scan[site["site"]].defined_edges().sum()
            assert sum(bars["counts"]) + bars["zero"] == bars["total"] == defined * 16
            assert len(site["histogram"]["edges"]) == len(bars["counts"]) + 1


def test_histogram_bars_over_the_threshold_hold_what_the_sketch_counts(numbers, planted):
    for site in numbers["sites"]:
        edges = np.asarray(site["histogram"]["edges"])
        counts = np.asarray(site["histogram"]["trained"]["counts"])
        sketch = planted[site["site"]]
        first, _ = sketch.layout.ratio.edge_near(1000)
        assert counts[edges[:-1] >= 1000].sum() == int(sketch.counts["ratio"][first:].sum())


def test_graph_maxima_are_the_graphs_largest_ratios_within_the_bin(numbers, planted):
    rows = planted.massive()
    for site in numbers["sites"]:
        maxima = site["graph_maxima"]["trained"]
        assert sum(maxima["graphs"]) == planted.info.graphs
        sorted_here = np.repeat(maxima["ratio"], maxima["graphs"])
        exact = (
            rows.filter(pl.col("site") == site["site"]).group_by("graph").agg(pl.max("ratio"))
        )["ratio"].sort(descending=True)
        assert np.allclose(sorted_here[: len(exact)], exact, rtol=0.004)


def test_not_finite_edges_are_counted_and_placed(build, molecules, tmp_path):
    def break_chlorine(model):
        model.node_embedding.weight[molecules.vocabulary.encode(["Cl"])[0]] = float("nan")

    path = build(break_chlorine).report(tmp_path / "broken.html")
    found = json.loads(path.with_suffix(".json").read_text())["nonfinite"]
    # Chloroform is graph 9 and has three bonds.
    assert [entry["first"] for entry in found] == [[{"graph": 9, "edges": 6}]] * 3
    assert "graph 9 (6)" in path.read_text(encoding="utf-8")
