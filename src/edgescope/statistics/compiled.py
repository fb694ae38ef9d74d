"""Counting on the CPU in compiled loops, shared between as many threads as torch uses."""

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.lib.errors import MissingExtraError
from edgescope.statistics.job import Batch, Counters, Found, Job, Shared
from edgescope.statistics.labels import EdgeLabels
from edgescope.statistics.ratio import EdgeTops
from edgescope.statistics.selection import median_network
from edgescope.statistics.sketch import SketchLayout

MOST_THREADS = 16
"""More would wait for each other: an ordinary batch has about 20 parts."""
SHARED_FROM = 2**16
"""Values from which on a batch is shared between threads: below, waking them takes longer."""
MOST_VALUES = 2**30
"""Values that are counted at once, as each thread counts in 32 bits before it adds up."""

_local = threading.local()


def count_compiled(
    layout: SketchLayout, counters: Counters, values: Tensor, labels: EdgeLabels
) -> EdgeTops:
    """Add a batch of at least one edge to the counters, in place.

    Args:
        layout: what to count.
        counters: what :func:`views` returns.
        values: activations ``[E, H, D]`` of any floating type; computed in float32.
        labels: type and graph of the edges.

    Returns:
        The medians and maxima of the edges.

    Raises:
        MissingExtraError: if numba is not installed.
    """
    kernel = _kernel()
    size, width = values.size(0), layout.width
    place, graphs = labels.places
    batch = Batch(
        values.detach().to(torch.float32).reshape(size, width).contiguous().numpy().view(np.int32),
        labels.edge_type.numpy(),
        labels.graph.numpy(),
        place,
        median_network(width),
        _rules(layout),
    )
    median, top_magnitude, top_ratio, divisor = np.empty((4, size), dtype=np.float32)
    finite, defined = np.empty((2, size), dtype=np.bool_)
    found = Found(median, top_magnitude, top_ratio, divisor, finite, defined)
    tops = np.full((2, graphs), -1, dtype=np.float32)
    step = max(MOST_VALUES // width, 1)
    for start in range(0, size, step):
        here = slice(start, start + step)
        part = batch._replace(
            bits=batch.bits[here],
            edge_type=batch.edge_type[here],
            graph=batch.graph[here],
            place=batch.place[here],
        )
        _share(kernel, part, Found._make(array[here] for array in found), counters, tops)
    kernel.count_graphs(tops, batch, counters)
    return EdgeTops(*(torch.from_numpy(getattr(found, name)) for name in EdgeTops._fields))


def views(counts: Mapping[str, Tensor], maxima: Tensor) -> Counters:
    """Return counters, shaped as :meth:`SketchLayout.shapes` says, as arrays on the same memory."""

    def pair(kind: str) -> tuple[NDArray[np.int64], ...]:
        return counts[f"{kind}ratio"].numpy(), counts[f"{kind}magnitude"].numpy()

    edges, nonfinite, undefined = (
        counts[name].numpy() for name in ("edges", "nonfinite", "undefined")
    )
    joint = tuple(counts[f"joint_{name}"].view(-1).numpy() for name in ("ratio", "magnitude"))
    return Counters(
        edges,
        nonfinite,
        undefined,
        pair(""),
        joint,
        pair("edge_"),
        pair("group_"),
        pair("graph_"),
        maxima.numpy(),
    )


def _kernel() -> ModuleType:
    try:
        from edgescope.statistics import kernel
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"numba", "llvmlite"}:
            raise
        raise MissingExtraError(
            "numba is not installed and is needed to scan on the CPU: pip install numba"
        ) from error
    return kernel


def _share(
    kernel: ModuleType,
    batch: Batch,
    found: Found,
    counters: Counters,
    tops: NDArray[np.float32],
) -> None:
    """Count a part of the batch, on several threads if it is worth it."""
    threads = 1
    # Whoever counts on several threads shares the work between them already.
    if batch.bits.size >= SHARED_FROM and threading.current_thread() is threading.main_thread():
        threads = min(torch.get_num_threads(), MOST_THREADS)
    fine = _fine(threads, max(len(total) for total in counters.fine))
    job = Job(batch, found, counters, Shared(np.zeros(7, dtype=np.int64), fine, tops))
    try:
        if threads == 1:
            kernel.work(job)
        elif not kernel.work_together(job, threads):
            _work_with_helpers(kernel.work, job, threads - 1)
    except BaseException:  # interrupted: a helper may still write to the histograms
        del _local.fine
        raise


def _work_with_helpers(work: Callable[[Job], None], job: Job, helpers: int) -> None:
    """Do a job on threads of our own."""
    begun = [_helpers(os.getpid()).submit(work, job) for _ in range(helpers)]
    work(job)
    for helper in begun:
        helper.cancel()  # if it has not begun: there is nothing left to do


@lru_cache(maxsize=1)
def _helpers(process: int) -> ThreadPoolExecutor:  # noqa: ARG001  (a forked process has no threads)
    """Return the threads that help the main one in this process."""
    return ThreadPoolExecutor(MOST_THREADS - 1, thread_name_prefix="edgescope")


def _fine(threads: int, bins: int) -> NDArray[np.int32]:
    """Return histograms for every thread ``[2, threads, bins]``, all zero between the calls."""
    held: NDArray[np.int32] | None = getattr(_local, "fine", None)
    if held is None or held.shape[1] < threads or held.shape[2] < bins:
        held = _local.fine = np.zeros((2, threads, bins), dtype=np.int32)
    return held


@lru_cache(maxsize=32)
def _rules(layout: SketchLayout) -> NDArray[np.int32]:
    """Return how bins are numbered ``[6, 4]``, in the order of ``Batch.rules``."""
    kinds = ("", "joint_", "coarse_")
    bins = [getattr(layout, kind + name) for name in ("ratio", "magnitude") for kind in kinds]
    return np.array([each.rule for each in bins], dtype=np.int32)
