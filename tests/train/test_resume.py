"""A run that was stopped goes on and ends as if it had never been."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from edgescope.lib.errors import InputError
from edgescope.train import RunFolder, fit
from edgescope.train.epoch_record import AtomicCheckpointIO
from edgescope.train.task import PropertyTask

EPOCHS = 4

CHILD = """
import os, signal, sys
import torch
from edgescope.data import load
from edgescope.train import Recipe, fit
from edgescope.train.task import PropertyTask

table, out, recipe, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
step = PropertyTask.training_step

def step_or_die(self, batch, batch_idx):
    if (self.current_epoch, batch_idx) == (2, 2):
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch, batch_idx)

PropertyTask.training_step = step_or_die
splits = load(table, target_columns="target", cache=False, progress=False)
fit(Recipe.model_validate_json(recipe), splits, out, progress=False)
"""


@pytest.fixture(scope="module")
def demanding(tiny):
    """Dropout, and a learning rate that falls on the way, so that all of the state counts."""
    return tiny(max_epochs=EPOCHS, learning_rate=0.03, plateau_patience=0)


@pytest.fixture(scope="module")
def undisturbed(demanding, splits, tmp_path_factory) -> RunFolder:
    run = fit(demanding, splits, tmp_path_factory.mktemp("resume") / "run", progress=False)
    assert len({record["learning_rate"] for record in run.metrics["history"]}) > 1
    return run


def assert_same(run: RunFolder, other: RunFolder) -> None:
    for stage in ("untrained", "trained"):
        ours, theirs = run.model(stage).state_dict(), other.model(stage).state_dict()
        different = [name for name in ours if not torch.equal(ours[name], theirs[name])]
        assert ours.keys() == theirs.keys()
        assert not different
    timeless = [
        [{**record, "seconds": 0} for record in each.metrics["history"]] for each in (run, other)
    ]
    assert timeless[0] == timeless[1]
    assert run.metrics["test_mae"] == other.metrics["test_mae"]


@pytest.mark.slow
def test_a_run_killed_in_the_middle_of_an_epoch_ends_with_the_same_bits(
    demanding, splits, table, undisturbed, tmp_path
):
    out = tmp_path / "run"
    threads = str(torch.get_num_threads())
    arguments = [str(table), str(out), demanding.model_dump_json(), threads]
    child = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False)
    assert child.returncode == -signal.SIGKILL
    assert not (out / "weights" / "trained.safetensors").exists()
    # What a process leaves that is killed while it writes a checkpoint.
    half = out / "checkpoints" / ".last.ckpt.1.tmp"
    half.write_bytes(b"half")

    assert_same(fit(demanding, splits, out, progress=False), undisturbed)
    assert not half.exists()


def no_step(task, batch, batch_idx) -> None:
    pytest.fail("a step was trained")


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_at(epoch: int, batch: int, monkeypatch, interrupt: Callable[[], None]) -> None:
    step = PropertyTask.training_step

    def step_or_stop(self, batch_, batch_idx):
        if (self.current_epoch, batch_idx) == (epoch, batch):
            interrupt()
        return step(self, batch_, batch_idx)

    monkeypatch.setattr(PropertyTask, "training_step", step_or_stop)


@pytest.mark.parametrize(("epoch", "batch"), [(0, 1), (2, 0), (3, 5)])
def test_ctrl_c_leaves_a_run_that_goes_on(
    epoch, batch, demanding, splits, undisturbed, tmp_path, monkeypatch
):
    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        interrupt_at(epoch, batch, patch, ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            fit(demanding, splits, tmp_path, progress=False)
    assert signal.getsignal(signal.SIGINT) is handler
    assert RunFolder(tmp_path).model("untrained")

    assert_same(fit(demanding, splits, tmp_path, progress=False), undisturbed)


def test_sigterm_ends_the_process_with_its_status_and_leaves_a_run_that_goes_on(
    demanding, splits, undisturbed, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        interrupt_at(2, 2, patch, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(SystemExit) as caught:
            fit(demanding, splits, tmp_path, progress=False)
    assert caught.value.code == 128 + signal.SIGTERM

    assert_same(fit(demanding, splits, tmp_path, progress=False), undisturbed)


def test_a_run_stopped_between_its_last_epoch_and_its_results_gets_them(
    demanding, splits, undisturbed, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(PropertyTask, "on_test_epoch_end", lambda _: os.fspath(None))
        with pytest.raises(TypeError):
            fit(demanding, splits, tmp_path, progress=False)
    assert RunFolder(tmp_path).metrics is None
    monkeypatch.setattr(PropertyTask, "training_step", no_step)

    assert_same(fit(demanding, splits, tmp_path, progress=False), undisturbed)


def test_epochs_added_later_equal_epochs_asked_for_at_once(
    demanding, splits, undisturbed, tmp_path
):
    fit(demanding, splits, tmp_path, epochs=1, progress=False)
    run = fit(demanding, splits, tmp_path, epochs=EPOCHS, progress=False)
    assert_same(run, undisturbed)
    assert RunFolder(tmp_path).recipe.max_epochs == EPOCHS


def test_a_run_stopped_after_reaching_the_minimum_trains_no_further(
    splits, tiny, tmp_path, monkeypatch
):
    still = tiny(
        batch_norm=False,
        learning_rate=1e-9,
        min_learning_rate=3e-10,
        plateau_patience=0,
        max_epochs=50,
    )
    run = fit(still, splits, tmp_path, progress=False)
    (tmp_path / "metrics.json").unlink()
    monkeypatch.setattr(PropertyTask, "training_step", no_step)
    assert fit(still, splits, run.path, progress=False).metrics["epochs"] == 3


class Mischief:
    """Runs a command when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self):
        return os.mkdir, (str(self.proof),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("content", ["truncated", "hostile", "weights only"])
def test_a_checkpoint_that_is_none_is_refused_unopened(
    content, splits, tiny, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        interrupt_at(1, 0, patch, ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            fit(tiny(), splits, tmp_path, progress=False)
    checkpoint = RunFolder(tmp_path).checkpoint
    if content == "truncated":
        checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    elif content == "hostile":
        checkpoint.write_bytes(pickle.dumps(Mischief(tmp_path / "proof")))
    else:
        torch.save({"weight": torch.ones(2)}, checkpoint)

    with pytest.raises(
        InputError, match=r"last\.ckpt is not a .*checkpoint.*; delete it"
    ) as caught:
        fit(tiny(), splits, tmp_path, progress=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "proof").exists()


def test_a_checkpoint_that_cannot_be_written_whole_leaves_the_one_before(tmp_path):
    path = tmp_path / "last.ckpt"
    checkpoints = AtomicCheckpointIO()
    good = {"optimizer_states": [], "epoch": 3}
    checkpoints.save_checkpoint(good, path)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        checkpoints.save_checkpoint({"weights": torch.ones(9), "bad": lambda: 0}, path)
    assert checkpoints.load_checkpoint(path) == good
    assert list(tmp_path.iterdir()) == [path]
