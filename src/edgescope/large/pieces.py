"""Pieces of a graph, and several threads that work through them in order."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import torch

from edgescope.large.graph import LargeGraph

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
