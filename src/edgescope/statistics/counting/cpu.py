"""Counting on the CPU: numpy, and plain loops that numba compiles.

It imports numba, so it is imported where it is used. It runs on one thread, and lets other threads
of Python run beside it. It leaves torch as soon as it can, as a scan may be watching each operation
of torch while it counts.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from edgescope.statistics.counting.edge_labels import EdgeLabels
from edgescope.statistics.ratio import EdgeTops
from edgescope.statistics.sketch_layout import AXES, GROUPS, SketchLayout

Rule = tuple[np.int32, ...]
"""What says which bin holds a pattern: see
:attr:`~edgescope.statistics.bins.LogBins.rule`."""

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
    edges, middle = len(patterns), (layout.width - 1) // 2
    median = np.partition(patterns, middle, axis=1)[:, middle].copy().view(np.float32)
    top, kept = np.zeros((2, edges), np.int32), np.zeros((2, edges), np.bool_)
    edge_type, graph, place, graphs = labels.arrays
    floor, of_values, of_tops = _rules(layout)
    fine = [counts[name] for name in AXES]
    joint = [counts[f"joint_{name}"].swapaxes(1, 2) for name in AXES]
    _count_values(patterns, median, edge_type, floor, of_values, *fine, *joint, top, kept)
    of_edges = (counts[name] for name in ("edges", "nonfinite", "undefined"))
    _count_edges(kept, edge_type, *of_edges)
    for row, name in enumerate(AXES):
        counters = (counts[f"{kind}_{name}"] for kind in ("edge", "group", "graph"))
        of_graph = np.full(graphs, -1, np.int32)
        largest = maxima.view(np.int32)[row]
        each = top[row], kept[row], edge_type, graph, place
        _count_tops(*each, of_tops[row], *counters, largest, of_graph)
    top_ratio, top_magnitude = top.view(np.float32)
    found = median, top_magnitude, top_ratio, kept[1], kept[0]
    return EdgeTops(*map(torch.from_numpy, found))


@cache
def _rules(layout: SketchLayout) -> tuple[np.int32, tuple[Rule, ...], tuple[tuple[Rule, ...], ...]]:
    """Return the pattern of the floor, and the rules of the bins of values and of maxima.

    Those of ratios come first; fine bins before the others.
    """
    values, maxima = (
        [[getattr(layout, f"{kind}{name}").rule for kind in ("", other)] for name in AXES]
        for other in ("joint_", "coarse_")
    )
    return (
        np.float32(layout.joint_floor).view(np.int32),
        tuple(tuple(map(np.int32, rule)) for of_axis in values for rule in of_axis),
        tuple(tuple(tuple(map(np.int32, rule)) for rule in of_axis) for of_axis in maxima),
    )


@njit(nogil=True, cache=True)
def _bin(pattern: np.int32, rule: Rule) -> np.uint32:
    """Return the number of the bin that holds a value.

    The shift is masked, as one of 32 or more would have to be looked out for; the number is
    unsigned, as a signed index could count from the end.
    """
    first, shift, lowest, _ = rule
    return np.uint32(((pattern - first) >> (shift & 31)) - lowest)


@njit(nogil=True, cache=True, error_model="numpy")
def _count_values(
    patterns: NDArray[np.int32],
    median: NDArray[np.float32],
    edge_type: NDArray[np.int64],
    floor: np.int32,
    rules: tuple[Rule, ...],
    ratio: NDArray[np.int64],
    magnitude: NDArray[np.int64],
    joint_ratio: NDArray[np.int64],
    joint_magnitude: NDArray[np.int64],
    top: NDArray[np.int32],
    kept: NDArray[np.bool_],
) -> None:
    """Count the values ``[E, F]`` into ``[B]`` and ``[T, C, F]``; find the largest of each edge.

    The largest ratios and magnitudes go to ``top [2, E]``, and whether there are any to ``kept``:
    a magnitude counts if its edge is finite, a ratio if the edge's median is above zero as well.
    """
    edges, width = patterns.shape
    values = patterns.view(np.float32)
    quotients = np.empty(width, np.float32)
    quotient = quotients.view(np.int32)
    numbers, beyond = np.empty((2, width), np.uint32), np.empty(width, np.uint32)
    for k in range(edges):
        value, divisor = patterns[k], median[k]
        of_ratio, of_magnitude = joint_ratio[edge_type[k]], joint_magnitude[edge_type[k]]
        top[1, k] = _largest(value)
        if top[1, k] >= _INFINITE:
            top[1, k] = 0
            continue
        kept[1, k] = True
        if not divisor > 0:
            _count_undefined(value, rules[2:], magnitude, of_magnitude)
            continue
        kept[0, k] = True
        # Bins are found by themselves, so that this is done for many values at once.
        for f in range(width):
            numbers[1, f] = _bin(value[f], rules[2])
        for f in range(width):
            quotients[f] = values[k, f] / divisor
        top[0, k] = _largest(quotient)
        for f in range(width):
            numbers[0, f] = _bin(quotient[f], rules[0])
        # Which values are beyond is found without a branch, as it cannot be foretold.
        found = np.uint32(0)
        for f in range(width):
            ratio[numbers[0, f]] += 1
            magnitude[numbers[1, f]] += 1
            beyond[found] = f
            found += np.uint32(quotient[f] > floor)
        for f in beyond[:found]:
            of_ratio[_bin(quotient[f], rules[1]), f] += 1
            of_magnitude[_bin(value[f], rules[3]), f] += 1


@njit(nogil=True, cache=True)
def _count_undefined(
    value: NDArray[np.int32],
    rules: tuple[Rule, ...],
    magnitude: NDArray[np.int64],
    of_magnitude: NDArray[np.int64],
) -> None:
    """Count the values of an edge whose median is zero: any other is beyond every ratio."""
    for f in range(len(value)):
        magnitude[_bin(value[f], rules[0])] += 1
        if value[f] > 0:
            of_magnitude[_bin(value[f], rules[1]), f] += 1


@njit(nogil=True, cache=True)
def _largest(patterns: NDArray[np.int32]) -> np.int32:
    largest = np.int32(0)
    for k in range(len(patterns)):  # over positions, so that it is done for many at once
        largest = max(largest, patterns[k])
    return largest


@njit(nogil=True, cache=True)
def _count_edges(
    kept: NDArray[np.bool_],
    edge_type: NDArray[np.int64],
    every: NDArray[np.int64],
    nonfinite: NDArray[np.int64],
    undefined: NDArray[np.int64],
) -> None:
    """Count the edges of each type, and those that are not ``kept`` as what they are."""
    for k in range(len(edge_type)):
        every[edge_type[k]] += 1
        if not kept[1, k]:
            nonfinite[edge_type[k]] += 1
        elif not kept[0, k]:
            undefined[edge_type[k]] += 1


@njit(nogil=True, cache=True)
def _count_tops(
    top: NDArray[np.int32],
    kept: NDArray[np.bool_],
    edge_type: NDArray[np.int64],
    graph: NDArray[np.int64],
    place: NDArray[np.int64],
    rules: tuple[Rule, ...],
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
            by_type[edge_type[k], _bin(top[k], rules[0])] += 1
            by_group[graph[k] % GROUPS, _bin(top[k], rules[1])] += 1
            maxima[edge_type[k]] = max(maxima[edge_type[k]], top[k])
            of_graph[place[k]] = max(of_graph[place[k]], top[k])
    for largest in of_graph:
        if largest >= 0:
            by_graph[_bin(largest, rules[0])] += 1
