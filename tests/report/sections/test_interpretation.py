"""The section on what massive activations sit on says what the interpretation does."""

import re
from collections import defaultdict
from dataclasses import replace
from html import unescape

import numpy as np
import polars as pl
import pytest

import edgescope as es
from edgescope.interpret import ANY, Interpretation
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.plots.formats import between, number, percent
from support.earlier_versions import without_manifest
from support.report_pages import numbers_of, page_of, part, rows


def test_prevalence_by_group_is_what_counting_edges_gives(reported, planted, molecules):
    massive = {
        (row["site"], row["graph"], row["edge"]) for row in planted.massive().iter_rows(named=True)
    }
    site = numbers_of(reported)["interpretation"]["site"]
    counts = defaultdict(lambda: [0, 0])
    types = [molecules.edge_type_names[code] for code in molecules.edge_types.tolist()]
    for graph in range(len(molecules)):
        start, end = molecules.edge_ptr[graph : graph + 2].tolist()
        for edge in range(start, end):
            counts[types[edge]][0] += 1
            counts[types[edge]][1] += (site, graph, edge - start) in massive
    table = rows(part(page_of(reported), "interpretation"), "Massive edges by bond type")
    shown = {row[0][0]: row[2:5] for row in table if row[1][0] == site}
    assert {name: (edges[0], over[0]) for name, (edges, over, _) in shown.items()} == {
        name: (f"{edges:,}", f"{over:,}") for name, (edges, over) in counts.items()
    }
    assert all(shown[name][2][0] == percent(over / edges) for name, (edges, over) in counts.items())


def test_odds_ratio_p_and_q_are_those_of_the_interpretation(reported, results):
    table = rows(part(page_of(reported), "interpretation"), "Massive edges by bond type")
    known = {
        (row["group"], row["site"]): row
        for row in results["interpretation"].table().filter(kind="bond_type").to_dicts()
    }
    for row in table:
        of = known[row[0][0], row[1][0]]
        ends = [None if np.isnan(of[name]) else of[name] for name in ("odds_low", "odds_high")]
        assert row[5] == (number(of["odds_ratio"]), between(*ends))
        tested = [(number(of[name]),) for name in ("p", "q")]
        assert row[7:] == (tested if of["exchangeable"] else [(number(None),)] * 2)


def test_the_site_shown_is_the_one_with_the_most_massive_edges(reported, planted):
    found = planted.massive_edges()
    section = numbers_of(reported)["interpretation"]
    assert section["massive"][section["site"]] == found["massive"].max()
    assert section["sites"] == [ANY, section["site"]]


def test_the_overall_line_is_the_share_of_all_massive_edges(reported, planted, molecules):
    section = numbers_of(reported)["interpretation"]
    edges = molecules.edge_index.size(1)
    share = planted.massive_edges()["massive"].max() / edges
    figure = re.search(
        r"<svg[^>]*forest-\d+-title.*?</svg>", part(page_of(reported), "interpretation"), re.DOTALL
    )
    assert f"all edges {percent(share)}" in unescape(figure[0])
    assert section["overall"]


def test_frequency_importance_and_prevalence_are_drawn_if_importances_were_given(
    reported, planted, results, tmp_path
):
    assert 'aria-labelledby="common-' in page_of(reported)
    without = replace(results["interpretation"], importance=None, correlations=None)
    path = planted.report(tmp_path / "without.html", interpretation=without)
    assert 'aria-labelledby="common-' not in page_of(path)


def test_where_nothing_is_massive_the_section_says_so(quiet, molecules, tmp_path):
    found = es.interpret.interpret(
        quiet, molecules, by=["bond_type"], permutations=5, resamples=5, progress=False
    )
    section = part(
        page_of(quiet.report(tmp_path / "q.html", interpretation=found)), "interpretation"
    )
    assert "No edge is massive at any site" in section
    assert "<svg" not in section


def test_an_interpretation_of_another_scan_is_refused(planted, results, tmp_path):
    found = results["interpretation"]
    other = replace(found, enrichment=found.enrichment.with_columns(site=pl.lit("elsewhere")))
    with pytest.raises(InputError, match=r"interpretation of the site elsewhere, expected one of"):
        planted.report(tmp_path / "report.html", interpretation=other)
    fewer = replace(found, info=found.info | {"graphs": 3})
    with pytest.raises(InputError, match=r"interpretation of 3 graphs, expected .* 14 graphs"):
        planted.report(tmp_path / "report.html", interpretation=fewer)
    assert list(tmp_path.iterdir()) == []


def test_an_interpretation_of_an_older_version_is_shown_without_the_overall_line(
    planted, results, tmp_path
):
    folder = results["interpretation"].save(tmp_path / "interpret")
    (folder / "overall.parquet").unlink()
    without_manifest(folder, "interpretation.json", None)
    with pytest.warns(EdgescopeWarning, match="earlier version"):
        old = Interpretation.load(folder)
    page = page_of(planted.report(tmp_path / "old.html", interpretation=old))
    assert "Massive edges by bond type" in page
    assert not re.search(r"all edges \d", part(page, "interpretation"))
