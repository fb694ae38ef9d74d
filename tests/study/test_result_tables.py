"""Result tables: what cells leave for good, and a study that goes on from them alone."""

import json
import shutil

import polars as pl
import pytest

import edgescope as es
from edgescope.cli import main
from edgescope.lib.errors import InputError
from edgescope.lib.sealed_table import sealed_table
from edgescope.study import cell_measures, local
from edgescope.study.cells import folder_of
from edgescope.study.measures import measure_names
from edgescope.study.result_tables import RECORDS, ResultTables

NAMES = ["cells", "emergence", "heat", "histogram", "laws", "maxima", "sites", "thresholds"]


def command(*words):
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    return stopped.value.code


@pytest.fixture
def tables_only(finished, tmp_path):
    """A folder with the result tables of the finished study, and nothing else."""
    shutil.copytree(finished / "results", tmp_path / "elsewhere" / "results")
    return tmp_path / "elsewhere"


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "study")


def test_every_cell_has_its_rows_in_every_table(finished):
    study, found = es.study.load(finished), es.study.results(finished)
    assert sorted({*found, "types"}) == sorted([*NAMES, "types"])
    names = sorted(cell.name for cell in study.cells)
    for name, table in found.items():
        trained = [each for each in names if "-trained-" in each]
        expected = trained if name == "emergence" else names
        assert set(table["cell"]) <= set(expected)
        if name != "heat":  # nothing need be massive
            assert table["cell"].unique(maintain_order=True).to_list() == expected
    for done in study.finished:
        (row,) = found["cells"].filter(cell=done.cell.name).iter_rows(named=True)
        assert (row["metric"], row["value"]) == (done.metric or (None, None))
        assert (row["seed"], row["state"], row["variant"]) == (
            done.cell.seed,
            done.cell.state,
            None,
        )
        assert (row["threads"], row["graphs"]) == (1, done.scan().info.graphs)
        assert json.loads(row["versions"])["edgescope"] == es.__version__
        assert row["hardware"]
        assert (row["higher_is_better"], row["design"]) == (
            None if not done.metric else False,
            None,
        )


def test_a_study_goes_on_from_its_tables_alone(tables_only, describe, monkeypatch, capsys):
    monkeypatch.setattr(local.Worker, "work", None)  # nothing is run
    endings = es.study.run(es.study.read(describe()), tables_only, progress=False)
    assert [ending.status for ending in endings] == ["done"] * 4
    assert not (tables_only / "cells").exists()
    assert command("study", "run", describe(), "--out", tables_only, "--dry-run") == 0
    assert capsys.readouterr().out.count("  yes  ") == 4
    left = es.study.work_left(es.study.read(describe(seeds=[41, 43])), tables_only)
    assert list(left.values()) == ["nothing", "nothing", "all", "all"]
    assert es.study.is_done(endings[0].cell, tables_only)


def test_tables_and_figures_of_tables_alone(tables_only, finished, tmp_path, capsys):
    whole, study = es.study.load(finished), es.study.load(tables_only)
    assert sorted(c.name for c in study.cells) == sorted(c.name for c in whole.cells)
    (ours, theirs) = (es.study.tables(one)["cells"].values for one in (study, whole))
    assert ours.sort("state", "seed").equals(theirs.sort("state", "seed"))
    assert command("study", "table", tables_only) == 0
    assert "layers and mitigation are read from scans, and those of 4 cells" in (
        capsys.readouterr().out
    )
    assert command("study", "table", tables_only, "sites") == 0
    assert capsys.readouterr().out.count("layers.1.attention:score") == 4
    with pytest.raises(InputError, match="no table 'site', did you mean 'sites'"):
        es.study.table(study, "site")
    with pytest.raises(InputError, match="expected a scan folder"):
        study.finished[0].scan()
    words = ("grid", "histograms", "heat-maps", "--out", tmp_path / "figures")
    assert command("study", "figure", tables_only, *words) == 0
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"grid.svg", "histograms-GraphTransformer-chains-trained.svg"} <= drawn
    with pytest.raises(InputError, match="no figure 'heat_maps', did you mean 'heat-maps'"):
        es.study.write_figures(study, tmp_path, names=["heat_maps"])


def spoiled(kind, path):
    data = path.read_bytes()
    if kind == "cut short":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "changed":
        table = pl.read_parquet(path)
        notes = {k: v for k, v in pl.read_parquet_metadata(path).items() if k != "ARROW:schema"}
        table.reverse().write_parquet(path, metadata=notes)
    elif kind == "another table":
        shutil.copy(path.with_name("laws.parquet"), path)
    elif kind == "foreign":
        pl.DataFrame({"cell": ["a"]}).write_parquet(path)
    else:
        path.write_text("no table")


@pytest.mark.parametrize("name", ["sites", RECORDS])
@pytest.mark.parametrize("kind", ["cut short", "changed", "another table", "foreign", "text"])
def test_what_is_damaged_or_foreign_is_refused_with_the_file(name, kind, tables_only):
    path = tables_only / "results" / f"{name}.parquet"
    spoiled(kind, path)
    with pytest.raises(InputError, match=rf"{name}\.parquet cannot be read \(.*restore it") as told:
        es.study.results(tables_only)
    assert "\n" not in str(told.value)


def test_where_there_are_no_tables_it_is_said(tmp_path):
    with pytest.raises(InputError, match="the result tables of a study"):
        es.study.results(tmp_path)


def test_tables_whose_record_was_not_written_are_left_out_and_made_again(copied, finished):
    """As after a kill between the tables of a cell and its record."""
    cell = es.study.load(finished).cells[-1]
    tables = ResultTables(copied)
    path = copied / "results" / f"{RECORDS}.parquet"
    records = pl.read_parquet(path).filter(pl.col("cell") != cell.name)
    path.write_bytes(sealed_table(records, f"the table {RECORDS} of a study"))
    assert cell.name not in set(tables.table("sites")["cell"])
    tables.take([cell])
    before = es.study.results(finished)
    assert all(table.equals(before[name]) for name, table in es.study.results(copied).items())


@pytest.fixture
def counting(monkeypatch):
    """A further measure, and one that fails."""

    def find(name):
        def graphs(of):
            if name == "broken":
                raise ZeroDivisionError("by zero")
            rows = {"graphs": [len(of.part)], "trained": [of.model is not of.untrained]}
            return {"counted": pl.DataFrame(rows)}

        return graphs if name in {"broken", "counted"} else measure_names.measure(name)

    known = {**measure_names.MEASURES, "counted": "", "broken": ""}
    monkeypatch.setattr(measure_names, "MEASURES", known)
    monkeypatch.setattr(cell_measures, "measure", find)


@pytest.mark.usefixtures("counting")
def test_a_further_measure_is_added_without_training_again(
    copied, describe, run_in_process, monkeypatch
):
    before = es.study.results(copied)
    monkeypatch.setattr("edgescope.train.trainer._train", None)
    run_in_process(describe(measures=["sites", "counted"]), copied)
    after = es.study.results(copied)
    assert all(after[name].equals(table) for name, table in before.items())
    found = after["counted"].join(after["cells"], on="cell", how="left")
    assert (found["graphs"] == found["graphs_right"]).all()
    assert found["trained"].to_list() == (found["state"] == "trained").to_list()


@pytest.mark.usefixtures("counting")
def test_a_measure_that_fails_takes_no_other_along(copied, finished):
    cell = es.study.load(finished).cells[0]
    folder = folder_of(cell, copied)
    with pytest.raises(InputError, match=r"measured: broken \(ZeroDivisionError: by zero\)"):
        local_run(cell, folder, ["broken", "counted"])
    ResultTables(copied).take([cell])
    assert set(es.study.results(copied)["counted"]["cell"]) == {cell.name}


def local_run(cell, folder, measures):
    from edgescope.study.cell_work import run_cell

    return run_cell(cell, folder, 60, measures=measures)


def test_a_cell_without_weights_is_not_trained_again_to_be_measured(copied, finished):
    cell = es.study.load(finished).cells[0]
    folder = folder_of(cell, copied)
    shutil.rmtree(folder / "weights")
    shutil.rmtree(folder / "measures")
    with pytest.raises(InputError, match="has no weights any more and cannot be measured by sites"):
        local_run(cell, folder, ["sites"])


def test_an_unknown_measure_is_refused_before_anything_runs(describe, tmp_path):
    spec = es.study.read(describe(measures=["site"]))
    with pytest.raises(InputError, match="unknown measure 'site', did you mean 'sites'"):
        es.study.run(spec, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
