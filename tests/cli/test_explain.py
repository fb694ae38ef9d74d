"""`edgescope explain`: what it prints, what it keeps, what it refuses."""

import shutil

import polars as pl
import pytest

import edgescope as es
from edgescope.attribute import Leaderboard
from edgescope.cli import main
from support.refusals import assert_refused

METHODS = ("--methods", "massive,occlusion")


@pytest.fixture(scope="module")
def explained(trained, tmp_path_factory):
    """A run and what was printed of it; tests must not change it."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("explained") / "run")
    with pytest.raises(SystemExit) as stopped:
        main(["explain", str(folder), "--split", "train", *METHODS])
    assert stopped.value.code == 0
    return folder


def test_regression_without_truth_has_fidelity_and_no_auroc(explained):
    board = Leaderboard.load(explained / "explain")
    table = board.table()
    assert table["method"].to_list() == ["massive", "occlusion", "random"]
    assert table["auroc"].is_null().all()
    assert table["plus"].is_not_null().all()
    assert table["plus_difference_low"].is_not_null().to_list() == [True, True, False]


def test_the_smiles_of_every_graph_are_kept(explained):
    kept = Leaderboard.load(explained / "explain").molecules
    run = es.train.RunFolder(explained)
    smiles = es.data.load(**run.data, vocabulary=run.vocabulary, progress=False).train.smiles
    assert dict(kept.select("graph", "smiles").rows()) == dict(enumerate(smiles))


def test_importances_are_kept_with_the_graph_and_the_place_of_every_edge(explained):
    edges = pl.read_parquet(explained / "explain" / "importances.parquet")
    key = ["training", "graph", "edge"]
    assert edges.select(key).is_unique().all()
    assert edges["edge_type"].is_in(["single", "double", "triple"]).all()
    assert edges.select("massive", "occlusion", "random").null_count().sum_horizontal()[0] == 0


def test_what_is_printed_are_the_numbers_of_the_table(edgescope, run_folder):
    code, out, _ = edgescope("explain", run_folder, "--split", "train", *METHODS)
    assert code == 0
    table = Leaderboard.load(run_folder / "explain").table()
    for row in table.iter_rows(named=True):
        lines = [line.split() for line in out.splitlines() if line.startswith(row["method"])]
        assert lines[0][1] == f"{row['plus']:.4g}"
        assert lines[1][1] == f"{row['forward_passes']:.4g}"
    assert "against truth" not in out
    assert "massive: finds edges whose removal moves the prediction" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 120


def test_runs_of_other_seeds_are_one_group_with_stability(edgescope, run_folder, table, tmp_path):
    other = tmp_path / "other"
    words = ["--data", table, "--target-column", "value", "--recipe", "demo", "--epochs", "2"]
    for change in ("num_layers=2", "hidden_dim=16", "num_heads=4", "seed=7"):
        words += ["--set", change]
    assert edgescope("train", "--out", other, *words)[0] == 0
    out = tmp_path / "board"
    code, printed, _ = edgescope(
        "explain", run_folder, other, "--methods", "attention", "--out", out, "--split", "train"
    )
    assert code == 0
    board = Leaderboard.load(out)
    assert board.table()["trainings"].to_list() == [2, 2]
    assert board.table()["stability"].is_not_null().all()
    assert board.trainings["training"].unique().sort().to_list() == [7, 41]
    assert "2 trainings" in printed
    assert not (run_folder / "explain").exists()


def test_graphs_are_drawn(edgescope, run_folder):
    words = ("--split", "train", "--graphs", "3", "--methods", "degree", "--seed", "5")
    assert edgescope("explain", run_folder, *words)[0] == 0
    assert Leaderboard.load(run_folder / "explain").table()["graphs"].to_list() == [3, 3]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--methods", "masive"), ("masive", "massive")),
        (("--methods", ","), ("--methods", "occlusion")),
        (("--split", "tset"), ("tset", "train, val, test")),
        (("--measure", "drop"), ("measure='drop'", "change, unfaithful")),
        (("--merge", "median"), ("median", "mean")),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_anything_is_written(
    edgescope, run_folder, words, said
):
    assert_refused(edgescope("explain", run_folder, *words), *said)
    assert not (run_folder / "explain").exists()
