"""Sections beyond the scan: there if their result is, with its numbers, and absent otherwise."""

import json
import re
from collections import defaultdict
from dataclasses import replace
from html import unescape

import numpy as np
import polars as pl
import pytest
from scipy.stats import rankdata

import edgescope as es
from edgescope.interpret import ANY, Interpretation
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.report.formats import between, fixed, number, percent
from support.earlier_versions import without_manifest

SECTIONS = ("interpretation", "ablation", "attribution")


def page_of(path):
    return path.read_text(encoding="utf-8")


def numbers_of(path):
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def part(page, name):
    """Return one section of a page."""
    return page.partition(f'<section id="{name}">')[2].partition("</section>")[0]


def cells(row):
    """Return the texts of a row's cells; what stands below a number is a text of its own."""
    found = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
    return [
        tuple(unescape(text) for text in re.split(r"</?small>", cell) if text) for cell in found
    ]


def rows(section, caption):
    """Return the body of the table whose caption begins so, as lists of cells."""
    table = re.search(rf"<caption>{caption}.*?</table>", section, re.DOTALL)[0]
    body = table.partition("<tbody>")[2]
    return [cells(row) for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)]


@pytest.fixture(scope="module")
def reported(planted, results, tmp_path_factory):
    """The report of a scan with all results."""
    return planted.report(tmp_path_factory.mktemp("all") / "report.html", **results)


def test_without_results_there_is_no_section(written):
    page = page_of(written)
    assert not any(f'id="{name}"' in page for name in SECTIONS)
    assert [numbers_of(written)[name] for name in SECTIONS] == [None] * 3


@pytest.mark.parametrize(
    ("option", "name"),
    list(zip(("interpretation", "ablation", "leaderboard"), SECTIONS, strict=True)),
)
def test_a_result_alone_has_its_section_alone(planted, results, tmp_path, option, name):
    page = page_of(planted.report(tmp_path / "one.html", **{option: results[option]}))
    assert [each for each in SECTIONS if f'id="{each}"' in page] == [name]


def test_the_rest_of_the_page_is_as_without_results(written, planted, results, tmp_path):
    page = page_of(planted.report(tmp_path / "all.html", run={"seed": 41}, **results))
    for name in SECTIONS:
        whole = page.index(f'<section id="{name}">')
        page = page[:whole] + page[page.index("</section>", whole) + len("</section>") :]
    assert page.split() == page_of(written).split()


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


def test_the_ablation_table_is_the_ablations_and_ends_in_its_conclusion(reported, results):
    found = results["ablation"]
    section = part(page_of(reported), "ablation")
    conclusion = found.conclusion()
    assert conclusion[0].upper() + conclusion[1:] in unescape(section)
    known = found.table().filter(pl.col("draws") > 0).to_dicts()
    table = rows(section, "Activations replaced")
    assert len(table) == len(known)
    for row, of in zip(table, known, strict=True):
        assert row[2] == (number(of["activations"]),)
        assert row[-2] == (number(of["change"]), between(of["change_low"], of["change_high"]))
        if of["selection"] != "chosen":
            excess = [of[f"excess{end}"] for end in ("", "_low", "_high")]
            assert row[-1] == (number(excess[0]), between(*excess[1:]))


def test_an_ablation_without_a_metric_shows_how_far_predictions_move(planted, results, tmp_path):
    found = results["ablation"]
    without = found.table().with_columns(pl.lit(None, pl.Float64).alias("metric"))
    moved = es.Ablation(replace(found.info, metric=None, before=None), without)
    page = page_of(planted.report(tmp_path / "moved.html", ablation=moved))
    table = rows(part(page, "ablation"), "Activations replaced")
    known = moved.table().filter(pl.col("draws") > 0).to_dicts()
    ends = [(of["moved_low"], of["moved_high"]) for of in known]
    assert [row[-2] for row in table] == [
        (number(of["moved"]), between(*two)) for of, two in zip(known, ends, strict=True)
    ]


def test_an_ablation_of_nothing_says_so(planted, results, tmp_path):
    found = results["ablation"]
    rows_ = (
        found.table().filter(pl.col("selection") == "chosen").with_columns(activations=pl.lit(0))
    )
    none = es.Ablation(found.info, rows_)
    section = part(page_of(planted.report(tmp_path / "n.html", ablation=none)), "ablation")
    assert "Nothing was chosen by" in section
    assert "<svg" not in section


def test_an_ablation_of_another_model_is_refused(planted, results, tmp_path):
    found = results["ablation"]
    other = es.Ablation(replace(found.info, model="GATv2"), found.table())
    with pytest.raises(InputError, match="ablation of GATv2, expected one of GraphTransformer"):
        planted.report(tmp_path / "report.html", ablation=other)


def test_the_leaderboard_has_a_row_per_method_with_its_scores(reported, results):
    known = results["leaderboard"].table().to_dicts()
    table = rows(part(page_of(reported), "attribution"), "Methods")
    assert [row[0][0] for row in table] == [of["method"] for of in known]
    for row, of in zip(table, known, strict=True):
        for place, name in ((1, "auroc"), (2, "average_precision"), (4, "plus"), (6, "minus")):
            ends = (of[f"{name}_low"], of[f"{name}_high"])
            assert row[place] == (fixed(of[name]), between(*ends, fixed))
        assert row[3][0] == fixed(of["auroc_difference"])


def test_stability_is_a_column_only_with_several_trainings(reported, planted, results, tmp_path):
    assert "stability</th>" in page_of(reported)
    board = results["leaderboard"]
    alone = {
        name: getattr(board, name).filter(training=0)
        for name in board.tables()
        if "training" in getattr(board, name).columns
    }
    page = page_of(planted.report(tmp_path / "one.html", leaderboard=replace(board, **alone)))
    assert "stability</th>" not in page


def test_curves_are_means_over_trainings(reported, results):
    (subject,) = numbers_of(reported)["attribution"]["subjects"]
    board = results["leaderboard"]
    for method, values in subject["curves"]["plus"].items():
        of = board.curves.filter(method=method, side="plus")
        table = np.stack([each["change"].to_numpy() for each in of.partition_by("training")])
        assert np.allclose(values, table.mean(0))


def test_the_heat_map_shows_the_rank_correlations(reported, results):
    (subject,) = numbers_of(reported)["attribution"]["subjects"]
    matrix = subject["matrix"]
    board = results["leaderboard"]
    means = defaultdict(list)
    edges = board.importances
    for each in edges.partition_by("training", "graph"):
        first, second = (rankdata(each[name]) for name in ("occlusion", "random"))
        if np.ptp(first) and np.ptp(second):
            means[each["training"][0]].append(np.corrcoef(first, second)[0, 1])
    place = [matrix["methods"].index(name) for name in ("occlusion", "random")]
    shown = matrix["correlation"][place[0]][place[1]]
    assert shown == pytest.approx(np.mean([np.mean(each) for each in means.values()]), abs=0.05)
    figure = page_of(reported).partition("subject-0-disagreement-title")[2].partition("</svg>")[0]
    for row in matrix["correlation"]:
        for value in row:
            assert f">{round(value, 2) + 0.0:.2f}<" in figure


def test_bonds_of_the_gallery_have_the_mean_importance_of_their_directions(
    reported, results, molecules
):
    (subject,) = numbers_of(reported)["attribution"]["subjects"]
    edges = results["leaderboard"].importances.filter(training=0)
    assert len(subject["molecules"]) == 4
    for entry in subject["molecules"]:
        assert entry["smiles"] == molecules.smiles[entry["graph"]]
        by_ends = defaultdict(list)
        for row in edges.filter(graph=entry["graph"]).iter_rows(named=True):
            by_ends[frozenset((row["source"], row["target"]))].append(row["occlusion"])
        expected = sorted(np.mean(values) for values in by_ends.values())
        assert sorted(entry["methods"]["occlusion"]) == pytest.approx(expected)


def test_true_bonds_are_those_of_the_truth_and_their_molecules_have_others(reported):
    from rdkit import Chem

    (subject,) = numbers_of(reported)["attribution"]["subjects"]
    for entry in subject["molecules"]:
        molecule = Chem.MolFromSmiles(entry["smiles"])
        Chem.Kekulize(molecule)
        double = [float(b.GetBondType() == Chem.BondType.DOUBLE) for b in molecule.GetBonds()]
        assert entry["truth"] == double
        assert 0 < sum(double) < len(double)


def test_every_method_draws_every_molecule_of_the_gallery(reported):
    (subject,) = numbers_of(reported)["attribution"]["subjects"]
    drawn = re.findall(r'aria-labelledby="(subject-0-molecule-\d+-\w+)-title"', page_of(reported))
    assert len(drawn) == len(set(drawn)) == 4 * (len(subject["table"]) + 1)


def test_a_leaderboard_without_smiles_has_no_gallery(planted, results, tmp_path):
    board = results["leaderboard"]
    folder = board.save(tmp_path / "explain")
    (folder / "molecules.parquet").unlink()
    without_manifest(folder, "leaderboard.json", None)
    with pytest.warns(EdgescopeWarning, match="earlier version"):
        old = es.attribute.Leaderboard.load(folder)
    page = page_of(planted.report(tmp_path / "old.html", leaderboard=old))
    assert "The same molecules by every method" not in page
    assert "subject-0-fidelity-title" in page


def test_same_results_give_the_same_bytes(reported, planted, results, tmp_path):
    again = planted.report(tmp_path / "again.html", **results)
    assert again.read_bytes() == reported.read_bytes()
    assert again.with_suffix(".json").read_bytes() == reported.with_suffix(".json").read_bytes()


def test_ids_are_unique_and_every_reference_has_its_target(reported):
    page = page_of(reported)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'(?:href|aria-labelledby)="#?([^":]*)"', page)
    wanted += re.findall(r"url\(#([^)]*)\)", page)
    assert set(wanted) <= set(ids)


def test_page_stays_below_five_megabytes(reported):
    assert reported.stat().st_size < 5e6


def test_hostile_names_stay_texts(planted, results, tmp_path):
    evil = "<script>alert('$x_1$')</script>"
    found, board = results["interpretation"], results["leaderboard"]
    table = found.enrichment.with_columns(group=pl.lit(evil) + pl.col("group"))
    info = replace(results["ablation"].info, data=evil, where=evil)
    tables = {
        name: getattr(board, name).with_columns(recipe=pl.lit(evil)) for name in board.tables()
    }
    path = planted.report(
        tmp_path / "evil.html",
        interpretation=replace(found, enrichment=table),
        ablation=es.Ablation(info, results["ablation"].table()),
        leaderboard=replace(board, **tables),
    )
    page = page_of(path)
    assert page.count("<script>") == 1  # our own
    assert all("&lt;script&gt;" in part(page, name) for name in SECTIONS)
