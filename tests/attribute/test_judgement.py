"""The leaderboard: what its numbers are made of, on models whose important edges are known."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from edgescope.attribute import against_truth, agreement, leaderboard
from edgescope.attribute.board import NUMBERS
from edgescope.attribute.subjects import Subject
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.earlier_versions import without_manifest
from support.judging_cases import BAD, GOOD, VALUES, Additive, planted, simple_dataset


@pytest.fixture(scope="module")
def board():
    models = [Additive(*VALUES), Additive(0.1, 1.0, -2.0)]
    subject = ("planted", models, planted())
    return leaderboard([subject], [GOOD, "random", BAD], progress=False)


def row(table, method):
    return table.row(by_predicate=pl.col("method") == method, named=True)


def test_occlusion_and_integrated_gradients_find_planted_edges_and_random_does_not():
    subject = ("planted", Additive(*VALUES), planted(1000))
    methods = ["occlusion", "integrated_gradients"]
    table = leaderboard([subject], methods, shares=(0, 0.2, 0.8, 1), progress=False).table()
    assert row(table, "occlusion")["auroc"] >= 0.95
    assert row(table, "integrated_gradients")["auroc"] >= 0.95
    assert row(table, "random")["auroc"] == pytest.approx(0.5, abs=0.02)


def test_auroc_is_the_mean_over_graphs_and_trainings_of_the_scores_against_truth(board):
    dataset = planted()
    by_hand = []
    for seed in (0, 1):
        edge = board.importances.filter(pl.col("training") == seed)["random"].to_torch()
        by_hand.append(np.nanmean(against_truth(edge, dataset).auroc))
    found = row(board.table(), "random")
    assert found["auroc"] == pytest.approx(np.mean(by_hand))
    assert found["auroc_sd"] == pytest.approx(np.std(by_hand, ddof=1))


def test_random_importances_differ_between_trainings(board):
    random = [part["random"] for part in board.importances.partition_by("training")]
    assert (random[0] != random[1]).all()
    assert abs(row(board.table(), "random")["stability"]) < 0.3


def test_stability_is_the_agreement_of_the_importances_of_trainings(board):
    edges = [part["random"].to_torch() for part in board.importances.partition_by("training")]
    expected = np.nanmean(agreement(edges, planted()).correlation)
    assert row(board.table(), "random")["stability"] == pytest.approx(expected)


def test_a_better_method_is_better_than_random_and_its_reverse_is_worse(board):
    table = board.table()
    assert row(table, "good")["auroc"] == 1
    assert row(table, "good")["auroc_difference_low"] > 0
    assert row(table, "bad")["auroc_difference_high"] < 0
    assert row(table, "good")["plus_difference_low"] > 0
    assert row(table, "good")["minus_difference_high"] < 0


def test_the_difference_of_two_methods_is_paired(board):
    found = board.difference("good", "random").row(0, named=True)
    of_table = row(board.table(), "good")
    assert found["difference"] == of_table["auroc_difference"]
    assert (found["low"], found["high"]) == (
        of_table["auroc_difference_low"],
        of_table["auroc_difference_high"],
    )
    same = board.difference("good", "good", "plus").row(0, named=True)
    assert (same["difference"], same["low"], same["high"]) == (0, 0, 0)


def test_random_has_no_difference_to_itself(board):
    assert row(board.table(), "random")["auroc_difference"] is None


def test_random_is_judged_also_if_it_is_not_asked_for():
    found = leaderboard([("planted", Additive(*VALUES), planted(9))], [GOOD], progress=False)
    assert found.table()["method"].to_list() == ["good", "random"]


def test_the_score_of_a_model_is_its_error_on_the_graphs_judged(board):
    exact = leaderboard([("p", Additive(*VALUES), planted(9))], [GOOD], progress=False).table()
    assert (exact["metric"][0], exact["score"][0]) == ("mae", 0)
    assert board.table()["score"][0] > 0


def test_the_score_with_labels_is_the_share_of_known_ones_that_are_right():
    dataset = simple_dataset(4, task="labels")
    y = torch.tensor([[1.0], [0.0], [torch.nan], [1.0]])
    always = Additive(1.0, 1.0, 1.0)  # every graph has an edge, so every logit is above 0
    found = leaderboard([("p", always, replace(dataset, y=y))], [GOOD], progress=False).table()
    assert (found["metric"][0], found["score"][0]) == ("accuracy", pytest.approx(2 / 3))


def test_without_truth_what_needs_it_is_empty_and_the_rest_is_there():
    dataset = replace(planted(20), edge_truth=None)
    found = leaderboard([("p", Additive(*VALUES), dataset)], [GOOD], progress=False)
    one = row(found.table(), "good")
    assert one["auroc"] is one["average_precision"] is one["auroc_difference"] is None
    assert one["plus"] > one["minus"] > 0
    assert "AUROC" not in found.sentence()


def test_a_single_training_has_no_spread_and_no_stability():
    found = leaderboard([("p", Additive(*VALUES), planted(20))], [GOOD], progress=False)
    one = row(found.table(), "good")
    assert one["auroc_sd"] is one["stability"] is one["overlap"] is None
    assert one["auroc_low"] is not None


def test_a_method_that_cannot_explain_a_model_is_left_out_with_the_reason():
    subject = ("p", Additive(*VALUES), planted(9))
    found = leaderboard([subject], ["attention", GOOD], progress=False)
    assert found.table()["method"].to_list() == ["good", "random"]
    assert found.refused["method"].to_list() == ["attention"]
    assert found.refused["reason"][0]


def test_importances_are_aligned_with_the_edges_of_the_data_set(board):
    dataset = planted()
    edges = board.importances.filter(pl.col("training") == 0)
    positions = dataset.edge_ptr[edges["graph"].to_torch()] + edges["edge"].to_torch()
    assert torch.equal(positions, torch.arange(len(dataset.edge_attr)))
    assert edges["target"].to_list() == dataset.edge_index[1].tolist()
    assert edges["truth_0"].to_torch().tolist() == dataset.edge_truth[:, 0].tolist()
    assert edges["good"].to_torch().tolist() == dataset.edge_attr.float().tolist()


def test_the_agreement_of_methods_is_symmetric_and_1_with_themselves(board):
    matrix = board.agreement.filter(pl.col("training") == 0)
    found = {(a, b): rho for a, b, rho in matrix.select("method", "other", "correlation").rows()}
    assert found["good", "good"] == pytest.approx(1)
    assert found["good", "bad"] == pytest.approx(-1)
    assert found["good", "random"] == found["random", "good"]


def test_the_matrix_of_methods_is_the_mean_over_trainings(board):
    found = board.matrix()
    assert found.columns == ["data", "recipe", "method", "good", "random", "bad"]
    both = board.agreement.filter(pl.col("method") == "good", pl.col("other") == "random")
    assert both.height == 2
    assert row(found, "good")["random"] == pytest.approx(both["correlation"].mean())
    assert row(found, "bad")["bad"] == pytest.approx(1)


def test_a_saved_leaderboard_reads_back_with_the_same_table(board, tmp_path):
    again = type(board).load(board.save(tmp_path / "explain"))
    unequal = [n for n in board.tables() if not getattr(again, n).equals(getattr(board, n))]
    assert unequal == []
    assert again.table().equals(board.table())
    assert again.sentence() == board.sentence()


def test_a_leaderboard_saved_without_molecules_reads_back_without_them(board, tmp_path):
    folder = without_manifest(board.save(tmp_path / "explain"), "leaderboard.json", None)
    (folder / "molecules.parquet").unlink()
    with pytest.warns(EdgescopeWarning, match="of an earlier version"):
        loaded = board.load(folder)
    assert loaded.molecules.is_empty()
    assert loaded.table().equals(board.table())


def test_a_folder_of_something_else_is_not_replaced(board, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds files that are not a leaderboard"):
        board.save(tmp_path)


def test_a_folder_without_a_leaderboard_is_refused(board, tmp_path):
    with pytest.raises(InputError, match=r"expected a leaderboard with leaderboard\.json"):
        board.load(tmp_path)


def test_a_damaged_leaderboard_is_refused(board, tmp_path):
    folder = board.save(tmp_path / "explain")
    (folder / "graphs.parquet").write_bytes(b"half")
    with pytest.raises(InputError, match="cannot be read"):
        board.load(folder)


def test_every_number_of_single_graphs_lies_within_its_interval(board):
    table = board.table()
    for name in NUMBERS:
        assert (table[f"{name}_low"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_high"]).all()


@pytest.mark.parametrize(
    ("subjects", "options", "message"),
    [
        ([], {}, "received nothing to judge on"),
        ([("p", [], planted(2))], {}, "p comes without a model"),
        ([("p", Additive(*VALUES), planted(2))] * 2, {}, "2 subjects named p, expected different"),
        ([("p", Additive(*VALUES), planted(2))], {"methods": ["occlusoin"]}, "'occlusion'"),
        ([("p", Additive(*VALUES), planted(2))], {"merge": "median"}, "unknown merge 'median'"),
        ([("p", Additive(*VALUES), planted(2))], {"measure": "drop"}, "measure='drop' for regress"),
        (
            [("p", Additive(*VALUES), planted(2))],
            {"top": 0.33},
            "received top=0.33, expected it and 0.67",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(subjects, options, message):
    with pytest.raises(InputError, match=message):
        leaderboard(subjects, **{"methods": [GOOD], "progress": False, **options})


def test_identifiers_stand_beside_the_graph_under_names_that_no_other_column_has():
    dataset = planted()
    cells = [f"M{number}" for number in range(len(dataset))]
    names = {"mol_id": cells, "random": cells, "truth_0": cells, "auroc": cells}
    drawn = np.array([4, 1, 2])
    models = Additive(*VALUES)
    subjects = [
        Subject("named", [models], replace(dataset, identifiers=names)[drawn], positions=drawn),
        Subject("nameless", [models], dataset),
    ]
    board = leaderboard(subjects, [GOOD, BAD], progress=False)
    plain = leaderboard([("nameless", models, dataset)], [GOOD, BAD], progress=False)
    columns = ["mol_id", "id_random", "id_truth_0", "id_auroc"]
    for name in ("graphs", "importances", "stability"):
        table, before = getattr(board, name), getattr(plain, name)
        assert [column for column in table.columns if column not in columns] == before.columns
        for column in columns:
            own = table.filter(data="named")
            assert own[column].to_list() == [f"M{graph}" for graph in own["graph"]]
            assert table.filter(data="nameless")[column].is_null().all()
    assert (
        board.table()
        .filter(data="nameless")
        .drop("seconds")
        .equals(plain.table().drop("seconds"), null_equal=True)
    )
