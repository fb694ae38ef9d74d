"""One of several processes that train together, other than the first; it writes no file."""

import os
import pickle
import sys
import threading

import torch

from edgescope.train.lightning_output import quiet
from edgescope.train.loop import initial_model, learn
from edgescope.train.processes import meeting_place, process_group


def main() -> None:
    """Do what the first process asks for on standard input; end when it closes that."""
    rank = pickle.load(sys.stdin.buffer)  # noqa: S301  (from the process that started this one)
    job, threads, port = pickle.load(sys.stdin.buffer)  # noqa: S301
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    torch.set_num_threads(threads)
    store = meeting_place(job.processes, port)
    store.set(f"ready/{rank}", "")
    with quiet(), process_group(job, rank, store):
        learn(job, initial_model(job.recipe, job.splits), rank=rank)
        store.set(f"done/{rank}", "")


def _end_with_the_first() -> None:
    """End this process at once when the first has ended, however."""
    sys.stdin.buffer.read()
    os._exit(0)
