"""Cells as tasks of a Ray cluster, whose nodes see the same files."""

import signal
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from edgescope.lib.errors import InputError
from edgescope.lib.optional import require
from edgescope.study.cells import Cell, folder_of
from edgescope.study.local import Event, HowToWork
from edgescope.study.worker import LOG, attempt

POLL = 0.5
"""Seconds between looks at which cells have begun."""

RETRIES = 3
"""How often a cell is started again after its worker was killed; it goes on from its files."""


def run_on_ray(cells: Sequence[Cell], how: HowToWork, address: str) -> Generator[Event]:
    """Work on cells side by side and yield how each ends.

    Every task asks for as many CPUs as a cell has threads or processes, and for a GPU for each
    process where a node has so many.

    Args:
        cells: what to work on.
        how: what they have in common; the folder of the study is the same files on every node.
        address: of the cluster; ``"auto"`` or ``"local"``.

    Raises:
        MissingExtraError: if Ray is not installed.
        InputError: if there is no cluster at the address, or no node has so many CPUs.
    """
    ray: Any = require("ray", "ray")
    mine = not ray.is_initialized()
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        if mine:
            _connect(ray, address)
        resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        most = max((int(node.get("CPU", 0)) for node in resources), default=0)
        cpus = max(how.threads, how.processes)
        if most < cpus:
            raise InputError(
                f"a cell takes {cpus} threads and no node at {address} has more than {most} "
                "CPUs; set threads and processes in the study"
            )
        gpus = (
            how.processes if any(node.get("GPU", 0) >= how.processes for node in resources) else 0
        )
        task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(_attempt)
        yield from _endings(ray, task, cells, how)
    finally:
        if mine:
            ray.shutdown()
            # Ray puts a handler of its own there, and leaves it.
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, on_sigterm or signal.SIG_DFL)


def _connect(ray: Any, address: str) -> None:  # noqa: ANN401  (the module)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="warning")
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"there is no Ray cluster to be reached at {address} ({reason[:120]}); start one, or "
            "leave out the address to use this machine"
        ) from error


def _endings(
    ray: Any,  # noqa: ANN401  (the module)
    task: Any,  # noqa: ANN401  (a remote function)
    cells: Sequence[Cell],
    how: HowToWork,
) -> Iterator[Event]:
    started = time.time()
    waiting = {task.remote(how.task(cell)): cell for cell in cells}
    queued = {cell.name: cell for cell in cells}
    try:
        while waiting:
            ended, _ = ray.wait(list(waiting), num_returns=1, timeout=POLL)
            for cell in [cell for cell in queued.values() if _has_begun(cell, how.out, started)]:
                yield Event(queued.pop(cell.name), "running")
            if not ended:
                continue
            ready, *_ = ended
            cell = waiting.pop(ready)
            queued.pop(cell.name, None)
            try:
                reason = ray.get(ready)["reason"]
            except ray.exceptions.RayError as error:
                reason = " ".join(f"{type(error).__name__}: {error}".split())
            yield Event(cell, "done" if reason is None else "failed", reason)
    finally:
        for left in waiting:
            ray.cancel(left, force=True)


def _has_begun(cell: Cell, out: Path, since: float) -> bool:
    """Say whether a worker has begun to write the log of a cell; Ray does not tell."""
    log = folder_of(cell, out) / LOG
    return log.is_file() and log.stat().st_mtime >= since


def _attempt(task: dict[str, Any]) -> dict[str, Any]:
    """Work on a cell on whichever node this is."""
    return attempt(task)
