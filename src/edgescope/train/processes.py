"""Several processes of this machine that train one model together.

This process is the first of them, so that Ctrl-C, errors and progress are as with one. The others
run :mod:`edgescope.train.helper_process`. Lightning could start them, but in ways that run the
user's script again (``ddp``, and ``ddp_spawn`` unless the script has a guard) or that fork a
process with threads (``ddp_fork``).
"""

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import torch
from torch import distributed

from edgescope.lib.errors import EdgescopeError, InputError
from edgescope.train.recipe_file import Recipe

if TYPE_CHECKING:
    from edgescope.data import Splits
    from edgescope.train.loop import Job


HOST = "127.0.0.1"
"""The processes meet on this machine, out of reach of others."""

POLL = 0.05
"""Seconds between looks at whether the helpers have come so far."""

PATIENCE = 5.0
"""Seconds for a helper that has been lost to be seen to have ended."""


def check_processes(processes: int, recipe: Recipe, splits: "Splits") -> None:
    """Refuse what several processes cannot train together.

    Raises:
        InputError: if there are fewer than one, or several and the data are one graph, the model
            has batch norm that would see a share of a batch only, there are too few GPUs, or this
            process is one of several already.
    """
    from edgescope.data import NodeDataset

    received = f"received processes={processes}"
    if processes < 1:
        raise InputError(f"{received}, expected 1 or more")
    if processes == 1:
        return
    if not distributed.is_available():
        raise InputError(f"{received}, but this torch has no torch.distributed; set processes=1")
    if distributed.is_initialized():
        raise InputError(
            f"{received} in a process that is already one of several; call fit outside "
            "torch.distributed, as it starts its processes itself"
        )
    if isinstance(splits.train, NodeDataset):
        raise InputError(
            f"{received} for {splits.train.name}, which is one graph and cannot be divided among "
            "processes; set processes=1"
        )
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if 0 < gpus < processes:
        raise InputError(
            f"{received} on a machine with {gpus} GPU(s), expected at most one process for each; "
            "set fewer, or CUDA_VISIBLE_DEVICES= to train on the CPU"
        )
    if recipe.model.batch_norm:
        if not gpus:
            raise InputError(
                f"{received} for a model with batch norm, which would see a share of each batch "
                "only on a CPU; set batch_norm=False and layer_norm=True, or processes=1"
            )
        last = len(splits.train) % recipe.batch_size
        if 0 < last < processes:
            raise InputError(
                f"{received} for a model with batch norm and a last batch of {last} graphs, which "
                "is too few to divide; set another batch_size or processes=1"
            )


@contextmanager
def helpers(job: "Job") -> Iterator[None]:
    """Have the other processes of a job train while the body trains as rank 0.

    They end with this process, however it ends.

    Raises:
        EdgescopeError: if one of them ends before its time.
    """
    if job.processes == 1:
        yield
        return
    with _shared_threads(job.processes) as threads:
        store = meeting_place(job.processes)
        started: list[Helper] = []
        try:
            told = pickle.dumps((job, threads, store.port))
            started.extend(Helper(rank) for rank in range(1, job.processes))
            for helper in started:
                helper.tell(told)
            del told  # as large as the data
            _wait(started, store, "ready")
            with process_group(job, 0, store), _ended(started):
                yield
                _wait(started, store, "done")
        finally:
            for helper in started:
                helper.end()


@contextmanager
def _ended(started: "Sequence[Helper]") -> Iterator[None]:
    """End helpers before the group is left, which could otherwise wait for them."""
    try:
        yield
    except RuntimeError as error:  # what a collective raises if a process is gone
        _blame(started, error)
        raise
    finally:
        for helper in started:
            helper.end()


def meeting_place(processes: int, port: int | None = None) -> Any:  # noqa: ANN401  (not exported)
    """Open the store by which processes find each other, or reach that of another process.

    Args:
        processes: how many will meet.
        port: of the other's store.
    """
    # TCPStore is documented, though not in __all__.
    return distributed.TCPStore(  # type: ignore[attr-defined]
        HOST, port or 0, processes, is_master=port is None, wait_for_workers=False
    )


@contextmanager
def process_group(job: "Job", rank: int, store: Any) -> Iterator[None]:  # noqa: ANN401
    """Make this process one of those of a job."""
    backend = "nccl" if job.device == "cuda" else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=job.processes)
    try:
        yield
    finally:
        distributed.destroy_process_group()


class Helper:
    """One of the other processes.

    Args:
        rank: its number, from 1.
    """

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self._printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by end)
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        self._process = subprocess.Popen(
            # -P: what lies in the working folder is no module unless it is for this process.
            [sys.executable, "-P", "-c", "from edgescope.train.helper_process import main; main()"],
            stdin=subprocess.PIPE,
            stdout=self._printed,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path},
            # Ctrl-C is for this process, which ends the helper.
            start_new_session=True,
        )

    def tell(self, told: bytes) -> None:
        """Hand over what the process reads first, after its number."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # seen later, by how it has ended
            self._process.stdin.write(pickle.dumps(self.rank) + told)
            self._process.stdin.flush()

    def lost(self) -> str | None:
        """Say how the process has ended if it has not come to its proper end."""
        code = self._process.poll()
        if not code:
            return None
        self._printed.seek(0)
        lines = self._printed.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        ending = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        return f"process {self.rank} {ending}{': ' + last if last else ''}"

    def end(self) -> None:
        """End the process at once; it has nothing of its own on disk."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._printed.close()


@contextmanager
def _shared_threads(processes: int) -> Iterator[int]:
    """Give each process its part of torch's threads, and Lightning no reason to set them."""
    before, variable = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    threads = max(1, before // processes)
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        yield threads
    finally:
        torch.set_num_threads(before)
        if variable is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = variable


def _wait(started: Sequence[Helper], store: Any, what: str) -> None:  # noqa: ANN401
    """Wait until all helpers have said ``what``."""
    keys = [f"{what}/{helper.rank}" for helper in started]
    while not store.check(keys):
        _raise_if_lost(started)
        time.sleep(POLL)


def _blame(started: Sequence[Helper], error: RuntimeError) -> None:
    """Raise what has become of a helper, if any of them has ended."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        _raise_if_lost(started, error)
        time.sleep(POLL)


def _raise_if_lost(started: Sequence[Helper], error: BaseException | None = None) -> None:
    for helper in started:
        if reason := helper.lost():
            raise EdgescopeError(
                f"{reason}; train again in the same folder, which resumes after the last finished "
                "epoch"
            ) from error
