"""Passes over pieces of a large graph, in order, with several threads.

The steps of attention that follow edges to their nodes are what
:class:`~edgescope.models.EdgeScore` and :class:`~edgescope.models.EdgeAttention` do with
``index_select`` and ``index_add``, without a temporary for every operation. They release the
interpreter's lock, so that several chunks of edges are worked on at once.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from edgescope.large.large_graph import LargeGraph

T = TypeVar("T")

PIECE = 2**18
"""Edges of a piece at most: about 0.2 s of work."""

Map = Callable[[Callable[["Piece"], Any], Iterator["Piece"]], Iterator[Any]]
"""A function like ``map``."""


class Piece(NamedTuple):
    """Edges into one tile of targets: what a thread works on at a time."""

    edges: slice
    """Where they stand in the graph's order."""
    nodes: slice
    """The targets of the tile."""


def pieces(graph: LargeGraph) -> Iterator[Piece]:
    """Divide all edges of the graph; a tile with many edges gives several pieces."""
    for tile, (first, last) in enumerate(pairwise(graph.tile_start.tolist())):
        nodes = slice(tile * graph.tile, min((tile + 1) * graph.tile, graph.num_nodes))
        for start in range(first, last, PIECE):
            yield Piece(slice(start, min(start + PIECE, last)), nodes)


@contextmanager
def workers(number: int) -> Iterator[Map]:
    """Give a function like ``map`` whose calls run in ``number`` threads.

    Each thread works on a piece of its own, with one thread inside torch: threads inside one
    operation would meet at its end 20 times per chunk, and wait there for whichever of them the
    system has held up. Results come in order, and few pieces are under way at any time. When the
    block is left early, by Ctrl-C for example, pieces that have not begun are dropped.
    """
    pool = ThreadPoolExecutor(number, thread_name_prefix="edgescope-piece")
    inside = torch.get_num_threads()

    def ordered(work: Callable[[Piece], T], items: Iterator[Piece]) -> Iterator[T]:
        waiting: deque[Future[T]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * number:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    torch.set_num_threads(1)
    try:
        yield ordered
    finally:
        torch.set_num_threads(inside)  # first, as another Ctrl-C may end the wait
        pool.shutdown(wait=True, cancel_futures=True)


Floats = NDArray[np.floating[Any]]
Nodes = NDArray[np.int32]

BLOCK = 64
"""Edges whose weights are spread over channels before they are used: by then they have left the
processor's store buffer, so that wide loads need not wait for narrow stores (measured: 52 ns
against 109 ns an edge)."""


class Kernels(NamedTuple):
    """Compiled for one number of heads ``H`` and of channels ``D``; ``F = H * D``."""

    scores: Callable[[Floats, Floats, float, Nodes, Nodes, Floats], None]
    """``(query [V, F], key [V, F], scale, source [n], target [n], edge [n, F])``: replace the
    projections of edges by their scores, in place. The factors are multiplied in the order in
    which the model multiplies them, so equal projections give equal scores to the last bit."""
    logits: Callable[[Floats, Floats], None]
    """``(scores [n, F], logit [n, H])``: sum every head's scores, into ``logit``."""
    attend: Callable[[Floats, Floats, Nodes, Nodes, int, Floats, Floats], None]
    """``(weight [n, H], value [V, F], source [n], target [n], first, attended [m, F],
    normaliser [m, H])``: add weighted values and weights up by target, onto ``attended`` and
    ``normaliser``, whose first row is that of the target ``first``."""


@lru_cache
def kernels(heads: int, channels: int) -> Kernels:  # noqa: C901  (three plain loops)
    """Compile the kernels; what was compiled once is read from numba's cache on disk."""
    width = heads * channels  # a constant to the compiler, which unrolls the loops over it

    @numba.njit(nogil=True, cache=True)
    def scores(
        query: Floats, key: Floats, scale: float, source: Nodes, target: Nodes, edge: Floats
    ) -> None:
        for e in range(edge.shape[0]):
            i, j = target[e], source[e]
            for c in range(width):
                edge[e, c] *= key[j, c] * query[i, c] * scale

    @numba.njit(nogil=True, cache=True, fastmath={"reassoc"})
    def logits(score: Floats, logit: Floats) -> None:
        for e in range(score.shape[0]):
            for h in range(heads):
                total = score[e, h * channels]
                for d in range(1, channels):
                    total += score[e, h * channels + d]
                logit[e, h] = total

    @numba.njit(nogil=True, cache=True)
    def attend(
        weight: Floats,
        value: Floats,
        source: Nodes,
        target: Nodes,
        first: int,
        attended: Floats,
        normaliser: Floats,
    ) -> None:
        spread = np.empty((BLOCK, width), value.dtype)
        for start in range(0, weight.shape[0], BLOCK):
            size = min(BLOCK, weight.shape[0] - start)
            for b in range(size):
                for h in range(heads):
                    for d in range(channels):
                        spread[b, h * channels + d] = weight[start + b, h]
            for e in range(start, start + size):
                for h in range(heads):
                    normaliser[target[e] - first, h] += weight[e, h]
            for e in range(start, start + size):
                i, j = target[e] - first, source[e]
                for c in range(width):
                    attended[i, c] += spread[e - start, c] * value[j, c]

    return Kernels(scores, logits, attend)
