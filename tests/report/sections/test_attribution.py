"""The section on edge importances says what the leaderboard does."""

import re
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning
from edgescope.plots.formats import between, fixed
from support.earlier_versions import without_manifest
from support.report_pages import numbers_of, page_of, part, rows


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
