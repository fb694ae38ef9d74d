"""Several processes that train together do what one process does with the same batches."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed

from edgescope.data import Splits, load
from edgescope.lib.errors import EdgescopeError, EdgescopeWarning, InputError
from edgescope.train import Recipe, RunFolder, fit, processes
from edgescope.train.processes import Helper
from edgescope.train.task import PropertyTask
from support.data_layouts import proteins

EPOCHS = 3

SCRIPT = """
import os, signal, sys
import torch
from edgescope.data import Splits, load
from edgescope.train import Recipe, fit
from edgescope.train.task import PropertyTask

table, out, recipe, threads, executed = sys.argv[1:]
print("once", file=open(executed, "a"))
torch.set_num_threads(int(threads))
step = PropertyTask.training_step

def step_or_die(self, batch, batch_idx):
    if (self.current_epoch, batch_idx) == (1, 2):
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch, batch_idx)

PropertyTask.training_step = step_or_die
parts = load(table, target_columns="target", cache=False, progress=False)
splits = Splits(parts.train[:45], parts.val[:12], parts.test[:9])
fit(Recipe.model_validate_json(recipe), splits, out, processes=2, progress=False)
"""


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture(scope="module")
def few(splits) -> Splits:
    """Batches of 11 leave a last one of one molecule, so that one of two shares is empty."""
    return Splits(splits.train[:45], splits.val[:12], splits.test[:9])


@pytest.fixture(scope="module")
def shared(tiny) -> Callable[..., Recipe]:
    """A recipe that processes can share, without dropout, which each draws for itself."""

    def make(**overrides) -> Recipe:
        fields = {"batch_norm": False, "layer_norm": True, "dropout": 0.0, "batch_size": 11}
        return tiny(**{**fields, "max_epochs": EPOCHS, "plateau_patience": 0, **overrides})

    return make


def assert_alike(run: RunFolder, other: RunFolder) -> None:
    """Check losses, metrics and weights up to rounding, which Adam enlarges."""
    for mine, its in zip(run.metrics["history"], other.metrics["history"], strict=True):
        assert {**mine, "seconds": 0} == pytest.approx({**its, "seconds": 0}, rel=1e-4)
    tested = [name for name in ("test_loss", "test_mae", "test_roc_auc") if name in other.metrics]
    assert {name: run.metrics[name] for name in tested} == pytest.approx(
        {name: other.metrics[name] for name in tested}, rel=1e-4
    )
    judged = [each.metrics["judged"] for each in (run, other)]
    one, two = ([found["value"], found["guess"]] for found in judged)
    assert one == pytest.approx(two, rel=1e-4)
    one, two = ([row["known"] for row in found["targets"]] for found in judged)
    assert one == two
    mine, its = run.model().state_dict(), other.model().state_dict()
    start = other.model("untrained").state_dict()
    assert any((its[name] - start[name]).abs().max() > 0.01 for name in its)
    for name in its:
        torch.testing.assert_close(mine[name], its[name], rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.slow
def test_two_processes_train_as_one_does_with_the_same_batches(few, shared, tmp_path, capfd):
    threads, random = torch.get_num_threads(), torch.get_rng_state()
    together = fit(shared(), few, tmp_path / "two", processes=2, progress=False)
    assert capfd.readouterr() == ("", "")
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), random)
    assert not distributed.is_initialized()
    assert together.metrics["processes"] == 2
    assert_alike(together, fit(shared(), few, tmp_path / "one", progress=False))


@pytest.mark.slow
def test_roc_auc_is_that_of_all_shares(table, shared, tmp_path):
    whole = load(table, target_columns="label", cache=False, progress=False).train
    # No two that one layer predicts alike, for rounding decides the rank of those.
    unlike = (whole.row < 36) | ((whole.row < 72) & (whole.row % 6 > 0))
    some = with_holes(whole[unlike])
    labels = Splits(some[:23], some[23:34], some[34:])
    recipe = shared(loss="masked_bce", max_epochs=1)
    together = fit(recipe, labels, tmp_path / "two", processes=2, progress=False)
    assert "test_roc_auc" in together.metrics
    assert_alike(together, fit(recipe, labels, tmp_path / "one", progress=False))


def with_holes(part):
    """Add a second task, of which most labels of every other molecule are missing."""
    y = part.y.repeat(1, 2)
    y[torch.arange(len(y)) % 4 == 1, 1] = torch.nan
    return replace(part, y=y, target_names=("a", "b"))


@pytest.fixture(scope="module")
def with_dropout(shared) -> Recipe:
    return shared(dropout=0.2)


@pytest.fixture(scope="module")
def killed(with_dropout, table, tmp_path_factory) -> Path:
    """The folder of a run whose script, without a guard, was killed in its second epoch."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "script.py").write_text(SCRIPT)
    recipe, threads = with_dropout.model_dump_json(), str(torch.get_num_threads())
    arguments = [table, folder / "run", recipe, threads, folder / "executed"]
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, folder / "script.py", *arguments]
    child = subprocess.run(list(map(str, command)), env=hidden, check=False)
    assert child.returncode == -signal.SIGKILL
    return folder


@pytest.fixture(scope="module")
def resumed(killed, with_dropout, few) -> RunFolder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        return fit(with_dropout, few, killed / "run", processes=2, progress=False)


@pytest.mark.slow
def test_the_script_of_the_user_is_executed_once(killed):
    assert (killed / "executed").read_text().split() == ["once"]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bits(resumed, with_dropout, few, tmp_path):
    undisturbed = fit(with_dropout, few, tmp_path, processes=2, progress=False)
    ours, theirs = resumed.model().state_dict(), undisturbed.model().state_dict()
    assert not [name for name in theirs if not torch.equal(ours[name], theirs[name])]
    losses = [
        [(record["train_loss"], record["val_loss"]) for record in run.metrics["history"]]
        for run in (resumed, undisturbed)
    ]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_another_number_of_processes_is_told_in_one_line(resumed, with_dropout, few, tmp_path):
    copy = shutil.copytree(resumed.path, tmp_path / "run")
    told = "was started with processes=2 and resumes with processes=1"
    with pytest.warns(EdgescopeWarning, match=told) as caught:
        fit(with_dropout, few, copy, epochs=EPOCHS + 1, progress=False)
    assert "\n" not in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.slow
def test_a_process_that_is_killed_is_named_in_one_line(few, shared, tmp_path, monkeypatch):
    started = []

    class Noted(Helper):
        def __init__(self, rank: int) -> None:
            super().__init__(rank)
            started.append(self._process)

    def kill_it(self, batch, batch_idx):
        started[0].kill()
        return step(self, batch, batch_idx)

    step = PropertyTask.training_step
    monkeypatch.setattr(processes, "Helper", Noted)
    monkeypatch.setattr(PropertyTask, "training_step", kill_it)
    told = r"^process 1 was ended by signal 9.*train again in the same folder[^\n]*$"
    with pytest.raises(EdgescopeError, match=told):
        fit(shared(), few, tmp_path, processes=2, progress=False)
    assert not distributed.is_initialized()


def test_batch_norm_is_refused_on_the_cpu(few, shared, tmp_path):
    with pytest.raises(InputError, match=r"set batch_norm=False and layer_norm=True, or proc"):
        fit(shared(batch_norm=True, layer_norm=False), few, tmp_path, processes=2)
    assert not any(tmp_path.iterdir())


def test_fewer_than_one_process_is_refused(few, shared, tmp_path):
    with pytest.raises(InputError, match="received processes=0, expected 1 or more"):
        fit(shared(), few, tmp_path, processes=0)


@pytest.mark.parametrize(
    ("gpus", "batch_size", "message"),
    [
        (1, 11, r"on a machine with 1 GPU.* CUDA_VISIBLE_DEVICES= to train on the CPU"),
        (2, 11, r"a last batch of 1 graphs.* set another batch_size"),
    ],
)
def test_what_the_gpus_cannot_do_is_refused(
    gpus, batch_size, message, few, shared, tmp_path, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    recipe = shared(batch_norm=True, layer_norm=False, batch_size=batch_size)
    with pytest.raises(InputError, match=message):
        fit(recipe, few, tmp_path, processes=2)


def test_one_large_graph_is_refused(shared, tmp_path):
    graph = load("ogbn-proteins", proteins(tmp_path / "files"))
    with pytest.raises(InputError, match=r"is one graph and cannot be divided among proc"):
        fit(shared(loss="masked_bce"), graph, tmp_path / "run", processes=2)
    assert not (tmp_path / "run").exists()


def test_a_process_that_is_one_of_several_already_is_refused(few, shared, tmp_path):
    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        with pytest.raises(InputError, match=r"already one of several; call fit outside"):
            fit(shared(), few, tmp_path, processes=2)
    finally:
        distributed.destroy_process_group()
