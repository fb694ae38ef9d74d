"""What the compiled loops work on: arrays, under the names of their parts."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Batch(NamedTuple):
    """The edges to count."""

    bits: NDArray[np.int32]
    """Bit patterns of the activations ``[E, F]``."""
    edge_type: NDArray[np.int64]
    """Type of every edge ``[E]``."""
    graph: NDArray[np.int64]
    """Graph of every edge ``[E]``, by its position in the data set."""
    place: NDArray[np.int64]
    """Graph of every edge ``[E]``, by its position among those of the batch."""
    network: NDArray[np.int64]
    """Comparators that select the median ``[n, 2]``."""
    rules: NDArray[np.int32]
    """How bins are numbered ``[6, 4]``: see :attr:`edgescope.statistics.LogBins.rule`; fine, joint
    and coarse bins of the ratio, then those of the magnitude."""


class Found(NamedTuple):
    """What is found of every edge ``[E]``, as in :class:`edgescope.statistics.ratio.EdgeTops`."""

    median: NDArray[np.float32]
    top_magnitude: NDArray[np.float32]
    top_ratio: NDArray[np.float32]
    divisor: NDArray[np.float32]
    """The median, or 1 where there is no ratio."""
    finite: NDArray[np.bool_]
    defined: NDArray[np.bool_]


class Counters(NamedTuple):
    """The counters of a sketch."""

    edges: NDArray[np.int64]
    nonfinite: NDArray[np.int64]
    undefined: NDArray[np.int64]
    fine: tuple[NDArray[np.int64], ...]
    """Every ratio, every magnitude ``[B]``."""
    joint: tuple[NDArray[np.int64], ...]
    """The same by type and channel, flattened ``[T * F * C]``."""
    edge: tuple[NDArray[np.int64], ...]
    """The largest of every edge, by its type ``[T, B]``."""
    group: tuple[NDArray[np.int64], ...]
    """The largest of every edge, by group of its graph ``[GROUPS, K]``."""
    graph: tuple[NDArray[np.int64], ...]
    """The largest of every graph ``[B]``."""
    maxima: NDArray[np.float32]
    """The largest of every type ``[2, T]``."""


class Shared(NamedTuple):
    """What the threads share."""

    tickets: NDArray[np.int64]
    """Parts taken and parts done in each of the three phases, and threads that began ``[7]``."""
    fine: NDArray[np.int32]
    """Histograms of ratio and magnitude of every thread ``[2, threads, B]``; zero before and
    after."""
    tops: NDArray[np.float32]
    """Largest ratio and magnitude of every graph of the batch ``[2, G]``; -1 where none is."""


class Job(NamedTuple):
    """What several threads do together."""

    batch: Batch
    found: Found
    counters: Counters
    shared: Shared


def empty_job() -> Job:
    """Return a job with the types of all jobs, and nothing to do."""

    def empty(dtype: type, dimensions: int) -> NDArray[Any]:
        return np.empty((0,) * dimensions, dtype)

    def whole(dimensions: int) -> NDArray[np.int64]:
        return empty(np.int64, dimensions)

    def pair(dimensions: int) -> tuple[NDArray[np.int64], ...]:
        return whole(dimensions), whole(dimensions)

    real, true, bits = empty(np.float32, 1), empty(np.bool_, 1), empty(np.int32, 2)
    batch = Batch(bits, whole(1), whole(1), whole(1), whole(2), bits)
    found = Found(real, real, real, real, true, true)
    tops, fine = empty(np.float32, 2), empty(np.int32, 3)
    counters = Counters(
        whole(1), whole(1), whole(1), pair(1), pair(1), pair(2), pair(2), pair(1), tops
    )
    return Job(batch, found, counters, Shared(whole(1), fine, tops))
