"""A table that was changed after training is no longer the data of the run, for any command."""

import json
from dataclasses import replace

import polars as pl
import pytest

import edgescope as es
from edgescope.train import RunFolder
from support.refusals import assert_refused

RELOADING = [
    ("scan",),
    ("diagnose",),
    ("interpret",),
    ("ablate",),
    ("ablate", "--where", "scan"),
    ("ablate", "--value", "untrained"),
    ("explain", "--graphs", "2", "--methods", "random"),
]
"""Commands that load a run's own data."""


@pytest.fixture
def moved(scanned, table, tmp_path):
    """A scanned run of a table that the test may change."""
    path = tmp_path / "molecules.csv"
    path.write_text(table.read_text())
    config = RunFolder(scanned).config
    RunFolder.create(scanned, {**config, "data": {**config["data"], "source": str(path)}})
    return scanned, path


def reverse(path):
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]) + "\n")


@pytest.mark.parametrize("words", RELOADING, ids=" ".join)
def test_a_reordered_table_is_refused_with_the_remedy(edgescope, moved, words):
    run, path = moved
    reverse(path)
    before = sorted(run.rglob("*"))
    command, *options = words
    result = edgescope(command, run, *options)
    assert_refused(result, str(path), "trained on", "Restore", f"--data {path}")
    assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize("words", RELOADING, ids=" ".join)
def test_a_table_with_another_column_is_the_same(edgescope, moved, words):
    run, path = moved
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"id,{header}", *(f"M{n},{row}" for n, row in enumerate(rows))]))
    command, *options = words
    code, _, err = edgescope(command, run, "--split", "train", *options)
    assert "trained on" not in err
    assert code in {0, 1}, err  # 1 is a finding


def test_the_table_as_it_is_now_is_scanned_as_a_whole(edgescope, moved):
    run, path = moved
    reverse(path)
    code, _, _ = edgescope("scan", run, "--data", path)
    assert code == 0
    info = es.load_scan(run / "scan").info
    assert (info.data, info.graphs) == ("molecules", 30)
    code, _, _ = edgescope("report", run)
    assert code == 0
    report = json.loads((run / "report.json").read_text())
    assert report["run"]["scanned"] == "molecules, which is no part of the run's own data"
    assert "no part of the run&#39;s own data" in (run / "report.html").read_text()


def test_a_scan_of_other_molecules_is_not_interpreted_as_the_run_s_own(edgescope, moved, tmp_path):
    run, path = moved
    other = tmp_path / "other.csv"
    other.write_text("smiles\nCCO\nCC#N\nCCC\nCCCO\n")
    assert edgescope("scan", run, "--data", other)[0] == 0
    assert_refused(edgescope("interpret", run), "the scan is of 4 graphs, molecules/test has")
    # As many graphs as the test part has, and as large ones in another order.
    reverse(path)
    loaded = es.data.load(**RunFolder(run).data, vocabulary=RunFolder(run).vocabulary)
    same_size = loaded.test
    model = RunFolder(run).model()
    es.scan(model, es.data.loader(same_size), progress=False).save(run / "scan")
    reverse(path)
    assert_refused(edgescope("interpret", run), "are not those of molecules/test")
    assert_refused(edgescope("ablate", run, "--where", "scan"), "are not those of the loader")
    assert_refused(edgescope("report", run), "molecules/test with other graphs than the run was")


def test_an_ablation_of_another_part_is_not_shown_beside_a_scan(edgescope, scanned):
    assert edgescope("ablate", scanned, "--split", "val", "--repeats", "1")[0] == 0
    result = edgescope("report", scanned)
    assert_refused(result, "an ablation on the graphs of molecules/val", "molecules/train")


def test_a_moved_table_is_found_with_root(edgescope, moved, tmp_path):
    run, path = moved
    (tmp_path / "there").mkdir()
    path.rename(tmp_path / "there" / path.name)
    assert_refused(edgescope("scan", run), "molecules.csv")
    assert edgescope("scan", run, "--root", tmp_path / "there")[0] == 0


def test_molecules_with_an_unknown_atom_are_left_out_and_listed(edgescope, run_folder, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("smiles\nCCO\nCC[SiH3]\nCCN\n")
    for command in ("scan", "diagnose"):
        code, _, err = edgescope(command, run_folder, "--data", other)
        assert code in {0, 1}
        assert "1 row cannot be used and is left out" in err
        assert "atom type 'Si H3' not among the" in err
    assert es.load_scan(run_folder / "scan").info.graphs == 2


def test_a_study_cell_whose_table_changed_is_not_run(table, tmp_path):
    from edgescope.lib.errors import InputError
    from edgescope.study.cell_work import run_cell

    path = tmp_path / "molecules.csv"
    path.write_text(table.read_text())
    text = f"""
    models: [GraphTransformer]
    recipe: demo
    data: [{{source: {path}, target_columns: [value]}}]
    states: [untrained]
    seeds: [1]
    """
    (tmp_path / "study.yaml").write_text(text)
    (cell,) = es.study.plan(es.study.read(tmp_path / "study.yaml"))
    reverse(path)
    with pytest.raises(InputError, match="has changed since the study was planned"):
        run_cell(cell, tmp_path / "cell", 0)


@pytest.mark.filterwarnings("default::edgescope.lib.errors.EdgescopeWarning")
def test_weights_without_a_run_do_not_say_what_atom_types_mean(edgescope, trained, table, tmp_path):
    weights = trained / "weights" / "trained.safetensors"
    code, _, err = edgescope("diagnose", "--weights", weights, "--data", table)
    assert code in {0, 1}
    assert "weights do not say which atom types their numbers mean" in err
    other = tmp_path / "other.csv"
    other.write_text("smiles\nCC\nCCC\n")
    result = edgescope("diagnose", "--weights", weights, "--data", other)
    assert_refused(result, "the model has [", "types of nodes", "give the folder of the run")


def test_a_leaderboard_of_molecules_that_have_changed_is_not_shown(edgescope, moved):
    run, _ = moved
    words = ("explain", run, "--split", "train", "--methods", "random")
    assert edgescope(*words)[0] == 0
    board = es.attribute.Leaderboard.load(run / "explain")
    scan = es.load_scan(run / "scan")
    graph = next(iter(scan.smiles))
    changed = board.molecules.with_columns(
        smiles=pl.when(pl.col("graph") == graph).then(pl.lit("CCCCCC")).otherwise("smiles")
    )
    replace(board, molecules=changed).save(run / "explain")
    assert_refused(edgescope("report", run), f"graph {graph} of molecules/train is CCCCCC")
