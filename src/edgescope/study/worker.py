"""A process that works on cells: one line of JSON in for each, one line out.

It is a process of its own so that a cell which is killed, for want of memory say, takes nothing
else with it, and so that everything that is printed, also by compiled code, goes to the cell's
log. It ends when the study does, however that ends.
"""

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import torch

from edgescope.study.cell_work import run_cell
from edgescope.study.cells import Cell

LOG = "log.txt"


def attempt(task: dict[str, Any]) -> dict[str, Any]:
    """Work on a cell with its log as standard output and error.

    Args:
        task: see :meth:`edgescope.study.local.HowToWork.task`.

    Returns:
        ``reason``: None if the cell is done, else in one line why it is not.
    """
    folder = Path(task["folder"])
    torch.set_num_threads(task["threads"])
    folder.mkdir(parents=True, exist_ok=True)
    with _printing_to(folder / LOG):
        try:
            cell = Cell.model_validate(task["cell"])
            how = (task["shard_every"], task["processes"], task["measures"])
            run_cell(cell, folder, *how)
        except Exception as error:  # noqa: BLE001  (whatever stops a cell must not stop the others)
            traceback.print_exc()
            return {"reason": " ".join(f"{type(error).__name__}: {error}".split())}
    return {"reason": None}


@contextmanager
def _printing_to(path: Path) -> Iterator[None]:
    """Append what this process and its libraries print to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with path.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, original in enumerate(kept, 1):
                os.dup2(original, number)
                os.close(original)


def main() -> None:
    """Work on the cells that come in on standard input until it is closed."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    tasks: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin, tasks), daemon=True).start()
    while True:
        answer = attempt(json.loads(tasks.get()))
        print(json.dumps(answer), file=answers, flush=True)


def _listen(lines: TextIO, tasks: "queue.Queue[str]") -> None:
    """Pass lines on; end this process at once when nobody is left to write any."""
    for line in lines:
        tasks.put(line)
    os._exit(0)
