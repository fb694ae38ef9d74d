"""Running a study: what its cells hold, what fails, and what an interruption leaves."""

import json
import os
import re
import shutil
import signal
import threading

import pytest
import torch

import edgescope as es
from edgescope.cli import main
from edgescope.lib.errors import InputError
from edgescope.scanning.store import load_scan
from edgescope.study import local
from edgescope.study.cell_work import cut, read_result, run_cell
from edgescope.study.cells import folder_of
from edgescope.study.live_board import Board, last_line
from edgescope.study.local import Event
from support.waiting import interrupted, wait_for


def command(*words):
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    return stopped.value.code


def tables(folder, out):
    """The bytes of every table of a study."""
    assert command("study", "table", folder, "--out", out) == 0
    found = {path.name: path.read_bytes() for path in out.iterdir()}
    assert len(found) == 8
    return found


@pytest.fixture(scope="module")
def undisturbed(finished, tmp_path_factory):
    return tables(finished, tmp_path_factory.mktemp("tables") / "out")


def cell(study, state, seed=41):
    return next(
        done for done in study.finished if (done.cell.state, done.cell.seed) == (state, seed)
    )


def test_trained_and_untrained_cells_of_a_seed_share_their_initial_weights(finished):
    study = es.study.load(finished)
    for seed in (41, 42):
        ours, theirs = (
            es.train.RunFolder(cell(study, state, seed).folder).model("untrained").state_dict()
            for state in ("untrained", "trained")
        )
        assert all(ours[name].equal(theirs[name]) for name in theirs)


def test_the_scan_of_a_trained_cell_is_compared_with_its_untrained_cell(finished):
    study = es.study.load(finished)
    trained, untrained = (cell(study, state).scan() for state in ("trained", "untrained"))
    assert untrained.baseline is None
    for site in untrained.sites:
        ours, theirs = trained.baseline[site], untrained[site]
        assert ours.maxima.equal(theirs.maxima)
        assert all(ours.counts[name].equal(theirs.counts[name]) for name in theirs.counts)


@pytest.fixture
def one_thread():
    """As the study has; the last bits depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_a_cell_is_what_its_parts_give_one_by_one(finished, chains, tmp_path):
    done = cell(es.study.load(finished), "trained")
    splits = cut(es.data.load(chains, target_columns="target", progress=False), 40)
    run = es.train.fit(done.cell.recipe, splits, tmp_path, progress=False)
    assert run.metrics["test_mae"] == done.metrics["test_mae"]
    scan = es.scan(run.model(), es.data.loader(splits.test, 1), progress=False)
    assert done.scan().table().select(scan.table().columns).equals(scan.table())


def test_a_finished_study_is_not_run_again(finished, describe, monkeypatch):
    monkeypatch.setattr(local.Worker, "work", None)
    endings = es.study.run(es.study.read(describe()), finished, progress=False)
    assert [ending.status for ending in endings] == ["done"] * 4


MOMENTS = {
    "in training": "cells/*-trained-41-*/checkpoints/last.ckpt",
    "in a scan": "cells/*-trained-41-*/shards/*/batches-*",
    "in measuring": "cells/*-trained-42-*/measures/sites.json",
}


def measured(out):
    """The result tables of a study, without what differs from run to run."""
    return {
        name: table.drop("seconds") if name == "cells" else table
        for name, table in es.study.results(out).items()
    }


@pytest.mark.slow
def test_a_study_stopped_again_and_again_gives_the_same_tables(
    begin, describe, undisturbed, finished, tmp_path
):
    """By Ctrl-C, then by SIGKILL, with two cells at once; the other ran them one by one."""
    out, study = tmp_path / "study", describe(shard_every=0, workers=2)
    for moment, pattern in MOMENTS.items():
        process, err = interrupted(
            lambda: begin("study", "run", study, "--out", out),
            lambda pattern=pattern: any(out.glob(pattern)),
            lambda: shutil.rmtree(out),
            by=signal.SIGINT if moment == "in training" else signal.SIGKILL,
        )
        if moment == "in training":
            assert process.returncode == 130, err
            assert err.splitlines()[-1].startswith("interrupted; finished work is kept")
            assert "Traceback" not in err
    assert command("study", "run", study, "--out", out) == 0
    assert tables(out, tmp_path / "tables") == undisturbed
    again, before = measured(out), measured(finished)
    assert again.keys() == before.keys()
    assert all(again[name].equals(before[name]) for name in before)
    assert not list(out.rglob(".*.tmp"))


@pytest.mark.parametrize("lost", [("result.json",), ("result.json", "scan")], ids="+".join)
def test_a_cell_goes_on_between_its_training_its_scan_and_its_result(
    lost, finished, describe, undisturbed, run_in_process, tmp_path
):
    out = shutil.copytree(finished, tmp_path / "study")
    (folder,) = out.glob("cells/*-trained-41-*")
    weights = (folder / "weights" / "trained.safetensors").stat().st_mtime_ns
    for name in lost:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(out / "results")  # where the cell would be done already
    run_in_process(describe(), out)
    assert tables(out, tmp_path / "tables") == undisturbed
    assert (folder / "weights" / "trained.safetensors").stat().st_mtime_ns == weights


@pytest.mark.slow
def test_a_killed_worker_costs_its_cell_and_nothing_else(describe, tmp_path, finished, capsys):
    out, study = tmp_path / "study", describe(seeds=[41])
    killed, ended = [], threading.Event()

    def kill_first_training():
        wait_for(lambda: any(out.glob("cells/*-trained-41-*/config.yaml")), ended)
        killed.append(next(out.glob("cells/*-trained-41-*/config.yaml")).parent.name)
        os.kill(workers[0]._process.pid, signal.SIGKILL)

    workers = []
    original = local.Worker.__enter__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            local.Worker, "__enter__", lambda self: workers.append(self) or original(self)
        )
        killer = threading.Thread(target=kill_first_training)
        killer.start()
        try:
            assert command("study", "run", study, "--out", out) == 1
        finally:
            ended.set()
            killer.join()
    printed = capsys.readouterr()
    assert "1 of 2 cells are done" in printed.out
    line = f"failed: {killed[0]}: its process was ended by SIGKILL; log: .*log.txt"
    assert re.search(line, printed.err)

    assert command("study", "run", study, "--out", out) == 0
    again, before = (cell(es.study.load(folder), "trained") for folder in (out, finished))
    assert again.metrics["test_mae"] == before.metrics["test_mae"]
    assert "scanning chains/test" in (again.folder / "log.txt").read_text()
    assert again.scan().table().equals(before.scan().table())


@pytest.mark.slow
def test_a_cell_that_fails_is_reported_with_its_log_and_does_not_stop_the_others(
    describe, tmp_path, capsys
):
    (tmp_path / "tin.csv").write_text("smiles\nC[Sn](C)(C)C\nCC\nCCC\nCCCC\n")
    data = [{"source": str(tmp_path / "tin.csv")}, "solubility"]
    study = describe(data=data, states=["untrained"], seeds=[1], overrides={"subset": 9})
    assert command("study", "run", study, "--out", tmp_path / "out") == 1
    printed = capsys.readouterr()
    assert "1 of 2 cells are done" in printed.out
    line = next(line for line in printed.err.splitlines() if line.startswith("failed: "))
    assert "tin/train has no target column" in line
    log = line.rpartition("log: ")[2]
    assert "Traceback" in open(log).read()  # noqa: SIM115, PTH123  (the path as it is printed)


def test_a_cell_without_a_result_is_never_taken_for_done(describe, finished, tmp_path):
    study = es.study.load(finished)
    assert {read_result(done.folder)["cell"]["state"] for done in study.finished} == {
        "trained",
        "untrained",
    }
    assert read_result(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", '{"format": 99}', "[]"])
def test_a_damaged_result_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(InputError, match=r"result\.json .*; delete that folder") as caught:
        read_result(tmp_path)
    assert "\n" not in str(caught.value)


def test_two_processes_may_be_given_the_same_cell(describe, tmp_path):
    (first, *_) = es.study.plan(es.study.read(describe(states=["untrained"], seeds=[1])))
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(run_cell(first, tmp_path, 0)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] == results[1]
    assert load_scan(tmp_path / "scan").info.graphs == results[0]["graphs"]


def test_a_dry_run_lists_the_cells_and_makes_nothing(describe, tmp_path, capsys):
    assert command("study", "run", describe(), "--out", tmp_path / "out", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "4 cells" in printed
    assert printed.count("GraphTransformer-chains-") == 4
    assert not (tmp_path / "out").exists()


def test_subsets_are_the_same_for_all_seeds_and_of_every_part(chains):
    splits = es.data.load(chains, target_columns="target", progress=False)
    fewer = cut(splits, 10)
    assert [len(part) for part in fewer] == [10, 10, 10]
    assert cut(splits, 10).train.row.tolist() == fewer.train.row.tolist()
    assert cut(splits, 10**6).train.row.equal(splits.train.row)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("run", "none.yaml", "--out", "out"), "expected a study (.yaml) at none.yaml"),
        (("table", "nowhere"), "study.json"),
        (("figure", "nowhere"), "study.json"),
    ],
)
def test_what_is_no_study_is_refused(words, part, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command("study", *words) == 2
    err = capsys.readouterr().err
    assert part in err
    assert len(err.splitlines()) == 1


def test_a_run_without_a_folder_is_refused(describe, capsys):
    assert command("study", "run", describe()) == 2
    assert "--out is missing" in capsys.readouterr().err


def test_the_board_shows_what_cells_are_doing(describe, finished, tmp_path):
    cells = es.study.plan(es.study.read(describe()))
    board = Board(cells, finished, {}, show=False)
    (folder_of(cells[1], finished) / "log.txt").write_text("training\nscanning chains/test\n")
    for status, one in zip(("done", "running", "failed"), cells, strict=False):
        board.tell(Event(one, status, "because" if status == "failed" else None))
    table = board.table()
    assert table.title == "1 waiting, 1 running, 1 done, 1 failed"
    notes = [str(cell) for cell in table.columns[-1].cells]
    assert notes[0] == ""  # an untrained cell has no test metric
    assert notes[1] == "scanning chains/test"  # the last line of its log
    assert notes[2].startswith("because; log: ")
    assert last_line(tmp_path / "none") == ""


def test_results_say_what_they_are_of(finished, describe):
    (first, *_) = es.study.plan(es.study.read(describe()))
    result = json.loads((folder_of(first, finished) / "result.json").read_text())
    assert es.study.Cell.model_validate(result["cell"]) == first
    assert result["threads"] == 1
    assert result["splits"]["train"] == 40


@pytest.mark.slow
def test_several_processes_train_a_cell(describe, run_in_process, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    shared = {"epochs": 1, "subset": 20, "batch_norm": False, "layer_norm": True, "num_heads": 2}
    overrides = {**shared, "hidden_dim": 16}
    study = describe(states=["trained"], seeds=[41], processes=2, overrides=overrides)
    (done,) = es.study.load(run_in_process(study, tmp_path)).finished
    assert done.metrics["processes"] == 2
