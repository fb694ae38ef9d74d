"""Counting on the CPU: numpy, and plain loops that numba compiles.

It imports numba, so it is imported where it is used. It runs on one thread, and lets other threads
of Python run beside it. It leaves torch as soon as it can, as a scan may be watching each operation
of torch while it counts.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from edgescope.statistics.counting.edge_labels import EdgeLabels
from edgescope.statistics.ratio import EdgeTops
from edgescope.statistics.sketch_layout import GROUPS, SketchLayout

EDGES = 64
"""Edges that are put into the order of channels at once: they fit into the fastest cache."""

_MAGNITUDE = np.int32(0x7FFFFFFF)  # all but the sign
_INFINITE = np.int32(0x7F800000)  # the pattern of infinity; those of NaNs are larger


def count_on_cpu(
    layout: SketchLayout,
    counts: Mapping[str, NDArray[np.int64]],
    maxima: NDArray[np.float32],
    values: Tensor,
    labels: EdgeLabels,
) -> EdgeTops:
    """Do what :func:`~edgescope.statistics.counting.counter.count_with_torch` does, with arrays.

    Numbers are handled by their bit patterns: those of magnitudes are ordered as integers, which
    are faster to select from, and the bin of a value is a shift of its pattern.
    """
    patterns = values.detach().to(torch.float32).flatten(1).contiguous().numpy().view(np.int32)
    patterns = patterns & _MAGNITUDE
    middle = (layout.width - 1) // 2
    median = np.partition(patterns, middle, axis=1)[:, middle].copy().view(np.float32)
    patterns = _by_channel(patterns)
    top = patterns.max(axis=0)
    finite = top < _INFINITE
    defined = finite & (median > 0)
    divisor = np.where(defined, median, np.float32(1))
    edge_type, graph, place, graphs = labels.arrays
    np.add.at(counts["edges"], edge_type, 1)
    np.add.at(counts["nonfinite"], edge_type[~finite], 1)
    np.add.at(counts["undefined"], edge_type[finite & ~defined], 1)
    tops = {}
    for row, (name, kept) in enumerate((("magnitude", finite), ("ratio", defined))):
        if name == "ratio":
            patterns, top = (_over(each, divisor) for each in (patterns, top))
        tops[name] = np.where(kept, top, np.int32(0))
        bins = (getattr(layout, kind + name) for kind in ("", "joint_", "coarse_"))
        fine, joint, coarse = (np.array(each.rule, np.int32) for each in bins)
        of_values = counts[name], counts[f"joint_{name}"]
        _count_values(patterns, kept, edge_type, fine, joint, *of_values)
        of_tops = [counts[f"{kind}_{name}"] for kind in ("edge", "group", "graph")]
        of_tops.append(maxima.view(np.int32)[1 - row])
        of_graph = np.full(graphs, -1, np.int32)
        _count_tops(top, kept, edge_type, graph, place, fine, coarse, *of_tops, of_graph)
    of_edges = (median, *(tops[name].view(np.float32) for name in ("magnitude", "ratio")))
    return EdgeTops(*map(torch.from_numpy, (*of_edges, finite, defined)))


def _over(patterns: NDArray[np.int32], divisor: NDArray[np.float32]) -> NDArray[np.int32]:
    """Divide the magnitudes of edges ``[..., E]``; what is not finite remains so."""
    with np.errstate(over="ignore", invalid="ignore"):
        return (patterns.view(np.float32) / divisor).view(np.int32)


@njit(nogil=True, cache=True)
def _by_channel(patterns: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return values ``[E, F]`` as ``[F, E]``."""
    edges, width = patterns.shape
    turned = np.empty((width, edges), np.int32)
    for start in range(0, edges, EDGES):
        for k in range(start, min(start + EDGES, edges)):
            for f in range(width):
                turned[f, k] = patterns[k, f]
    return turned


@njit(nogil=True, cache=True)
def _count_values(
    patterns: NDArray[np.int32],
    kept: NDArray[np.bool_],
    edge_type: NDArray[np.int64],
    fine: NDArray[np.int32],
    joint: NDArray[np.int32],
    counter: NDArray[np.int64],
    joint_counter: NDArray[np.int64],
) -> None:
    """Count the values ``[F, E]`` of the edges that are ``kept`` into ``[B]`` and ``[T, F, C]``.

    Channel by channel: of the joint counter, what is in use is then small enough for the cache.
    """
    width, edges = patterns.shape
    # Shifts are masked, as one of 32 or more would have to be looked out for; numbers are
    # unsigned, as a signed index could count from the end.
    first, shift, lowest = fine[0], fine[1] & 31, fine[2]
    joint_first, joint_shift, joint_lowest = joint[0], joint[1] & 31, joint[2]
    number, cell = np.empty(edges, np.uint32), np.empty(edges, np.uint32)
    for f in range(width):
        channel = patterns[f]
        for k in range(edges):  # by itself, so that it is done for many edges at once
            number[k] = np.uint32(((channel[k] - first) >> shift) - lowest)
            cell[k] = np.uint32(((channel[k] - joint_first) >> joint_shift) - joint_lowest)
        for k in range(edges):
            if kept[k]:
                counter[number[k]] += 1
                joint_counter[np.uint64(edge_type[k]), np.uint64(f), cell[k]] += 1


@njit(nogil=True, cache=True)
def _count_tops(
    top: NDArray[np.int32],
    kept: NDArray[np.bool_],
    edge_type: NDArray[np.int64],
    graph: NDArray[np.int64],
    place: NDArray[np.int64],
    fine: NDArray[np.int32],
    coarse: NDArray[np.int32],
    by_type: NDArray[np.int64],
    by_group: NDArray[np.int64],
    by_graph: NDArray[np.int64],
    maxima: NDArray[np.int32],
    of_graph: NDArray[np.int32],
) -> None:
    """Count the largest values ``[E]`` of the edges that are ``kept``, and those of graphs.

    ``place`` says where a graph is in ``of_graph``, which holds -1 before.
    """
    for k in range(len(top)):
        if kept[k]:
            by_type[edge_type[k], ((top[k] - fine[0]) >> fine[1]) - fine[2]] += 1
            by_group[graph[k] % GROUPS, ((top[k] - coarse[0]) >> coarse[1]) - coarse[2]] += 1
            maxima[edge_type[k]] = max(maxima[edge_type[k]], top[k])
            of_graph[place[k]] = max(of_graph[place[k]], top[k])
    for largest in of_graph:
        if largest >= 0:
            by_graph[((largest - fine[0]) >> fine[1]) - fine[2]] += 1
