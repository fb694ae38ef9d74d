"""Cells on this machine, in processes beside this one: one after the other, or several at once."""

import json
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, suppress
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
        self._starts = threading.Lock()
        self._over = False

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
        with self._starts:
            self._over = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def work(self, task: dict[str, Any]) -> str | None:
        """Have a cell worked on, and return why it is not done, or None if it is."""
        with self._starts:
            if self._over:
                return "the study has ended"
            if self._process is None or self._process.poll() is not None:
                self._process = self._started()
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

    def _started(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", "from edgescope.study.worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # Ctrl-C is for the study, which ends this process.
            start_new_session=True,
        )


class HowToWork(NamedTuple):
    """What all cells of a study have in common."""

    out: Path
    """The folder of the study."""
    threads: int
    """Of every cell."""
    shard_every: float
    """Seconds between the shards of a scan."""
    processes: int = 1
    """How many processes train a cell together."""
    measures: tuple[str, ...] = ()
    """What every cell is measured by."""

    def task(self, cell: Cell) -> dict[str, Any]:
        """Describe in plain values what is to be done."""
        return {
            "cell": cell.model_dump(mode="json"),
            "folder": str(folder_of(cell, self.out).absolute()),
            "threads": self.threads,
            "shard_every": self.shard_every,
            "processes": self.processes,
            "measures": list(self.measures),
        }


def run_here(cells: Sequence[Cell], how: HowToWork, workers: int = 1) -> Generator[Event]:
    """Work on cells and yield when each begins and ends.

    They begin in the order in which they are given, each on the next worker that is free.

    Args:
        cells: what to work on.
        how: what they have in common.
        workers: how many at once, each in a process of its own.
    """
    if workers > 1:
        yield from _side_by_side(cells, how, min(workers, len(cells)))
        return
    with Worker() as worker:
        for cell in cells:
            yield Event(cell, "running")
            yield _worked(worker, cell, how)


def _side_by_side(cells: Sequence[Cell], how: HowToWork, workers: int) -> Generator[Event]:
    left: queue.SimpleQueue[Cell] = queue.SimpleQueue()
    for cell in cells:
        left.put(cell)
    events: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()
    stopped = threading.Event()

    def work(worker: Worker) -> None:
        try:
            while not stopped.is_set():
                cell = left.get_nowait()
                events.put(Event(cell, "running"))
                events.put(_worked(worker, cell, how))
        except queue.Empty:
            events.put(None)
        except BaseException as error:  # noqa: BLE001  (it is raised where the events are read)
            events.put(error)

    with ExitStack() as stack:
        threads: list[threading.Thread] = []
        stack.callback(_join, threads)
        started = [stack.enter_context(Worker()) for _ in range(workers)]
        stack.callback(stopped.set)
        for worker in started:
            threads.append(threading.Thread(target=work, args=(worker,), daemon=True))
            threads[-1].start()
        while workers:
            event = events.get()
            if isinstance(event, BaseException):
                raise event
            if event is None:
                workers -= 1
            else:
                yield event


def _join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.join()


def _worked(worker: Worker, cell: Cell, how: HowToWork) -> Event:
    """Have a cell worked on, and return how it ended."""
    reason = worker.work(how.task(cell))
    return Event(cell, "done" if reason is None else "failed", reason)


def _ending(code: int) -> str:
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with code {code}"
