"""Cells on this machine, one after the other, in a process beside this one."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from edgescope.study.cells import Cell, folder_of

Status = Literal["waiting", "running", "done", "failed"]


class Event(NamedTuple):
    """A cell has begun, is done or has failed."""

    cell: Cell
    status: Status
    reason: str | None = None
    """Why it has failed, in one line."""


class Worker:
    """A process that works on cells; it is started when it is needed, and again if it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Do nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process at once: whatever it has on disk is whole or absent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def work(self, task: dict[str, Any]) -> str | None:
        """Have a cell worked on, and return why it is not done, or None if it is."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from edgescope.study.worker import main; main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                # Ctrl-C is for the study, which ends this process.
                start_new_session=True,
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # told below by how the process has ended
            print(json.dumps(task), file=process.stdin, flush=True)
        line = process.stdout.readline()
        if not line:
            return _ending(process.wait())
        reason: str | None = json.loads(line)["reason"]
        return reason


def run_here(
    cells: Sequence[Cell], out: Path, threads: int, shard_every: float, processes: int = 1
) -> Iterator[Event]:
    """Work on cells and yield when each begins and ends."""
    with Worker() as worker:
        for cell in cells:
            yield Event(cell, "running")
            reason = worker.work(as_task(cell, out, threads, shard_every, processes))
            yield Event(cell, "done" if reason is None else "failed", reason)


def as_task(
    cell: Cell, out: Path, threads: int, shard_every: float, processes: int
) -> dict[str, Any]:
    """Describe in plain values what is to be done."""
    return {
        "cell": cell.model_dump(mode="json"),
        "folder": str(folder_of(cell, out).absolute()),
        "threads": threads,
        "shard_every": shard_every,
        "processes": processes,
    }


def _ending(code: int) -> str:
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with code {code}"
