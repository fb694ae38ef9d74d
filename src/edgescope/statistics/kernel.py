"""The compiled loops that count activations on the CPU.

Several threads run :func:`work` on the same job and take parts of it in turn, first blocks of
edges (medians and maxima), then blocks of channels (histograms), then the histograms that every
thread kept for itself. A thread may come late, or not at all: the others do its part.

What makes it fast: bit patterns of non-negative floats are ordered as integers, so the median comes
from a network of comparators that runs on 16 edges at once; bin numbers are a shift of the pattern;
and the channels are counted one after the other for many edges, so that the part of a histogram in
use is small enough for the cache.

This module needs numba, so it is imported where it is used.
"""

import numpy as np
from numba import cfunc, njit, typeof, types
from numpy.typing import NDArray

from edgescope.statistics.compiling import OPTIONS, compiled, fetch_add
from edgescope.statistics.job import Batch, Counters, Found, Job, empty_job
from edgescope.statistics.openmp import address_of, in_parallel, openmp, reader
from edgescope.statistics.registers import TILE, select_medians, transpose_tile
from edgescope.statistics.sketch import GROUPS

LANES = 64
"""Edges whose medians are selected together: four vector registers of 16."""
EDGES = 8 * LANES
"""Edges that a thread takes at once."""
CHANNELS = 16
"""Channels that a thread takes at once: a cache line of each edge."""
COMMON = 64
"""Values per edge of most models, for which the network is compiled pair by pair."""
STRETCH = 256
"""Edges whose bin numbers are computed before they are counted."""

_MAGNITUDE = np.int32(0x7FFFFFFF)  # all but the sign
_INFINITE = np.int32(0x7F800000)  # the pattern of infinity; those of NaNs are larger


@compiled
def work(job: Job) -> None:
    """Do parts of a job until none is left, then wait for those of the other threads."""
    batch, found, counters, shared = job
    size, width = batch.bits.shape
    tickets = shared.tickets
    thread = fetch_add(tickets, 6, 1)
    parts = (size + EDGES - 1) // EDGES
    part = fetch_add(tickets, 0, 1)
    while part < parts:
        _select(batch, found, part * EDGES, min((part + 1) * EDGES, size))
        fetch_add(tickets, 1, 1)
        part = fetch_add(tickets, 0, 1)
    while fetch_add(tickets, 1, 0) < parts:
        pass
    parts = (width + CHANNELS - 1) // CHANNELS + 1
    part = fetch_add(tickets, 2, 1)
    while part < parts:
        if part == 0:
            _count_tops(batch, found, counters, shared.tops)
        else:
            first = (part - 1) * CHANNELS
            last = min(first + CHANNELS, width)
            fine = (shared.fine[0, thread], shared.fine[1, thread])
            _count_channels(batch, found, counters.joint, fine, first, last)
        fetch_add(tickets, 3, 1)
        part = fetch_add(tickets, 2, 1)
    while fetch_add(tickets, 3, 0) < parts:
        pass
    part = fetch_add(tickets, 4, 1)
    while part < 2:  # noqa: PLR2004  (ratio and magnitude)
        _empty(shared.fine[part], counters.fine[part])
        fetch_add(tickets, 5, 1)
        part = fetch_add(tickets, 4, 1)
    while fetch_add(tickets, 5, 0) < 2:  # noqa: PLR2004  (as above)
        pass


@compiled
def _select(batch: Batch, found: Found, start: int, stop: int) -> None:
    """Find median and maximum of the edges from ``start`` to ``stop``."""
    width = batch.bits.shape[1]
    block = np.zeros((width, LANES), np.int32)
    medians = np.empty(LANES, np.int32)
    top = np.empty(LANES, np.int32)
    for first in range(start, stop, LANES):
        size = min(LANES, stop - first)
        _transpose(batch.bits, first, size, 0, width, block)
        _find_medians(block, batch.network, medians, top)
        largest = top.view(np.float32)
        median = medians.view(np.float32)
        here = slice(first, first + size)
        finite, defined, divisor = found.finite[here], found.defined[here], found.divisor[here]
        middle, top_magnitude = found.median[here], found.top_magnitude[here]
        top_ratio = found.top_ratio[here]
        for lane in range(size):
            finite[lane] = top[lane] < _INFINITE
            defined[lane] = finite[lane] & (median[lane] > 0)
            middle[lane] = median[lane]
            divisor[lane] = median[lane] if defined[lane] else np.float32(1)
            top_magnitude[lane] = largest[lane] if finite[lane] else np.float32(0)
            top_ratio[lane] = largest[lane] / divisor[lane] if defined[lane] else np.float32(0)


@compiled
def _find_medians(
    block: NDArray[np.int32],
    network: NDArray[np.int64],
    medians: NDArray[np.int32],
    tops: NDArray[np.int32],
) -> None:
    """Find lower median and maximum of every column of ``block`` ``[F, LANES]``; changes it."""
    width = block.shape[0]
    if width == COMMON:
        for lane in range(0, LANES, TILE):
            select_medians(COMMON, block, lane, LANES, medians, tops)
        return
    tops[:] = 0
    for f in range(width):
        channel = block[f]
        for lane in range(LANES):
            tops[lane] = max(tops[lane], channel[lane])
    for comparator in range(network.shape[0]):
        one, other = block[network[comparator, 0]], block[network[comparator, 1]]
        for lane in range(LANES):
            a = one[lane]
            b = other[lane]
            one[lane] = min(a, b)
            other[lane] = max(a, b)
    medians[:] = block[(width - 1) // 2]


@compiled
def _transpose(
    bits: NDArray[np.int32],
    begin: int,
    size: int,
    first: int,
    last: int,
    block: NDArray[np.int32],
) -> None:
    """Write the magnitudes of channels from ``first`` to ``last`` of ``size`` edges, by channel.

    Those of one channel follow each other in ``block`` ``[channels, lanes]``.
    """
    width, lanes = bits.shape[1], block.shape[1]
    whole_edges, whole_channels = size - size % TILE, (last - first) - (last - first) % TILE
    for lane in range(0, whole_edges, TILE):
        for f in range(0, whole_channels, TILE):
            start = (begin + lane) * width + first + f
            transpose_tile(bits, start, width, block, f * lanes + lane, lanes)
    for lane in range(size):
        row = bits[begin + lane]
        for f in range(whole_channels if lane < whole_edges else 0, last - first):
            block[f, lane] = row[first + f] & _MAGNITUDE


@compiled
def _count_channels(
    batch: Batch,
    found: Found,
    joint: tuple[NDArray[np.int64], ...],
    fine: tuple[NDArray[np.int32], ...],
    first: int,
    last: int,
) -> None:
    """Count the values of the channels from ``first`` to ``last``."""
    size, width = batch.bits.shape
    fine_0, joint_0, fine_1, joint_1 = (
        batch.rules[0],
        batch.rules[1],
        batch.rules[3],
        batch.rules[4],
    )
    block = np.empty((CHANNELS, STRETCH), np.int32)
    ratio = np.empty(STRETCH, np.float32)
    # Unsigned, as a signed index could count from the end. Numbers of cells may exceed 2^31.
    in_ratio, in_magnitude = np.empty(STRETCH, np.uint32), np.empty(STRETCH, np.uint32)
    cell_ratio, cell_magnitude = np.empty(STRETCH, np.uint64), np.empty(STRETCH, np.uint64)
    row_ratio, row_magnitude = np.empty(STRETCH, np.uint64), np.empty(STRETCH, np.uint64)
    for begin in range(0, size, STRETCH):
        n = min(STRETCH, size - begin)
        divisor = found.divisor[begin : begin + n]
        finite = found.finite[begin : begin + n]
        defined = found.defined[begin : begin + n]
        usable = 0
        _transpose(batch.bits, begin, n, first, last, block)
        for lane in range(n):
            usable += defined[lane]
            kind = batch.edge_type[begin + lane] * width
            row_ratio[lane] = np.uint64(kind * joint_0[3])
            row_magnitude[lane] = np.uint64(kind * joint_1[3])
        for f in range(last - first):
            bits = block[f]
            if usable < n:
                for lane in range(n):
                    bits[lane] = bits[lane] if finite[lane] else np.int32(0)
            magnitude = bits.view(np.float32)
            for lane in range(n):
                ratio[lane] = magnitude[lane] / divisor[lane]
            _number(
                ratio.view(np.int32), fine_0, joint_0, first + f, row_ratio, in_ratio, cell_ratio, n
            )
            _number(
                bits, fine_1, joint_1, first + f, row_magnitude, in_magnitude, cell_magnitude, n
            )
            if usable == n:
                _tally(fine, joint, in_ratio, in_magnitude, cell_ratio, cell_magnitude, n)
            else:
                for lane in range(n):
                    fine[0][in_ratio[lane]] += np.int32(defined[lane])
                    fine[1][in_magnitude[lane]] += np.int32(finite[lane])
                    joint[0][cell_ratio[lane]] += defined[lane]
                    joint[1][cell_magnitude[lane]] += finite[lane]


@compiled
def _tally(
    fine: tuple[NDArray[np.int32], ...],
    joint: tuple[NDArray[np.int64], ...],
    in_ratio: NDArray[np.uint32],
    in_magnitude: NDArray[np.uint32],
    cell_ratio: NDArray[np.uint64],
    cell_magnitude: NDArray[np.uint64],
    n: int,
) -> None:
    """Count ``n`` values in the bins and cells that were numbered for them."""
    for lane in range(n):
        fine[0][in_ratio[lane]] += np.int32(1)
        fine[1][in_magnitude[lane]] += np.int32(1)
        joint[0][cell_ratio[lane]] += 1
        joint[1][cell_magnitude[lane]] += 1


@compiled
def _number(
    patterns: NDArray[np.int32],
    fine: NDArray[np.int32],
    joint: NDArray[np.int32],
    channel: int,
    rows: NDArray[np.uint64],
    bins: NDArray[np.uint32],
    cells: NDArray[np.uint64],
    n: int,
) -> None:
    """Number the fine bins and the cells of the joint histogram of ``n`` bit patterns."""
    # The masks tell the compiler that a shift is less than 32, so that it need not widen.
    start, fine_shift, joint_shift = fine[0], fine[1] & 31, joint[1] & 31
    lowest, row = fine[2], channel * np.int64(joint[3]) - joint[2]
    for lane in range(n):
        distance = np.int32(patterns[lane] - start)
        bins[lane] = np.int32(np.int32(distance >> fine_shift) - lowest)
        cells[lane] = np.uint64(np.int32(distance >> joint_shift) + row) + rows[lane]


@compiled
def _count_tops(batch: Batch, found: Found, counters: Counters, tops: NDArray[np.float32]) -> None:
    """Count the edges and the largest of every edge, and note the largest of every graph."""
    for edge in range(batch.bits.shape[0]):
        kind = batch.edge_type[edge]
        counters.edges[kind] += 1
        counters.nonfinite[kind] += not found.finite[edge]
        counters.undefined[kind] += found.finite[edge] and not found.defined[edge]
    for measure in range(2):
        fine, coarse = batch.rules[3 * measure], batch.rules[3 * measure + 2]
        largest = found.top_ratio if measure == 0 else found.top_magnitude
        counted = found.defined if measure == 0 else found.finite
        patterns = largest.view(np.int32)
        of_graph = tops[measure]
        for edge in range(batch.bits.shape[0]):
            if not counted[edge]:
                continue
            kind, place = batch.edge_type[edge], batch.place[edge]
            counters.edge[measure][kind, _bin(patterns[edge], fine)] += 1
            group = batch.graph[edge] % GROUPS
            counters.group[measure][group, _bin(patterns[edge], coarse)] += 1
            of_graph[place] = max(of_graph[place], largest[edge])
            counters.maxima[measure, kind] = max(counters.maxima[measure, kind], largest[edge])


@compiled
def count_graphs(tops: NDArray[np.float32], batch: Batch, counters: Counters) -> None:
    """Count the largest of every graph, once all its edges have been counted."""
    for measure in range(2):
        of_graph = tops[measure]
        patterns = of_graph.view(np.int32)
        for place in range(len(of_graph)):
            if of_graph[place] >= 0:
                counters.graph[measure][_bin(patterns[place], batch.rules[3 * measure])] += 1


@compiled
def _bin(pattern: int, rule: NDArray[np.int32]) -> int:
    """Return the bin of a bit pattern; see :attr:`edgescope.statistics.LogBins.rule`."""
    return ((pattern - rule[0]) >> rule[1]) - rule[2]


@compiled
def _empty(parts: NDArray[np.int32], total: NDArray[np.int64]) -> None:
    """Move the counts of every thread ``[threads, B]`` into ``total`` ``[B]``."""
    for thread in range(parts.shape[0]):
        for start in range(0, len(total), LANES):
            part = parts[thread, start : min(start + LANES, len(total))]
            filled = np.int32(0)
            for k in range(len(part)):
                filled |= part[k]
            if filled:
                into = total[start : start + len(part)]
                for k in range(len(part)):
                    into[k] += part[k]
                    part[k] = 0


# Compiled at once, so it stands below all that it calls.
_JOB = typeof(empty_job())
_job_at = reader(_JOB)


@cfunc(types.void(types.voidptr), cache=True)
def _work_at(address: int) -> None:
    """Do parts of the job at an address."""
    work(_job_at(address))


# Of one type only, as the threads read the job as one of that type.
@njit((types.int64, types.int64, _JOB, types.int64), **OPTIONS)
def _work_together(openmp: int, body: int, job: Job, threads: int) -> None:
    in_parallel(openmp, body, address_of(job), threads)


def work_together(job: Job, threads: int) -> bool:
    """Do a job on several threads of torch; return False if it has none that can be used."""
    address = openmp()
    if address:
        _work_together(address, _work_at.address, job, threads)
    return bool(address)
