"""A graph of the size and shape of ogbn-proteins, for benchmarks where no copy can be had."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgescope.data.sources.ogbn_proteins import EDGES, FEATURES, NODES
from edgescope.lib.errors import InputError
from edgescope.lib.files import writable_folder

NUM_SPECIES = 8
"""Its species, the only feature of a node."""

SPREAD = 0.645
"""Standard deviation of the logarithm of the expected degree. The largest of 132,534 log-normal
weights is then 13 times the mean, as the largest degree of ogbn-proteins, about 7,750, is of its
mean degree, 597."""

BLOCK = 2**20
"""Undirected edges that are drawn at a time."""


class SyntheticGraph(NamedTuple):
    """A graph in files that are mapped into memory."""

    x: NDArray[np.int64]
    """Species of every node ``[V]``, 0 to 7."""
    edge_index: NDArray[np.int32]
    """Source and target of every edge ``[2, E]``; edge ``2k + 1`` is edge ``2k`` the other way."""
    edge_attr: NDArray[np.float16]
    """Features of every edge ``[E, 8]``, the same both ways."""


def proteins_like(
    folder: str | Path, edges: int = EDGES, nodes: int | None = None, seed: int = 0
) -> SyntheticGraph:
    """Draw a graph of the size and shape of ogbn-proteins and write it to a folder.

    The two ends of an edge are drawn independently, with probabilities in proportion to
    log-normal weights, so that degrees have these expectations (Chung and Lu, Annals of
    Combinatorics 6, 2002). There are no self-loops; a pair of nodes may be drawn twice. Features
    are fourth powers of uniform numbers, mostly small; species are uniform. Nothing depends on
    anything else, unlike in the real graph, whose edges stay within a species.

    Args:
        folder: where to write ``x.npy``, ``edge_index.npy`` and ``edge_attr.npy``: 24 bytes an
            edge.
        edges: number of directed edges, even.
        nodes: number of nodes; by default so many that the mean degree is that of ogbn-proteins.
        seed: the same seed gives the same graph.

    Raises:
        InputError: if the number of edges is odd or negative, or there are fewer than two nodes.
    """
    if nodes is None:
        nodes = max(round(NODES * edges / EDGES), 2)
    if edges < 0 or edges % 2 or nodes < 2:
        raise InputError(
            f"received {edges} edges and {nodes} nodes, expected an even number of edges (each is "
            "written both ways) and at least 2 nodes"
        )
    where = writable_folder(Path(folder))
    random = np.random.default_rng(seed)
    x = random.integers(NUM_SPECIES, size=nodes)
    np.save(where / "x.npy", x)
    bounds = np.exp(SPREAD * random.standard_normal(nodes)).cumsum()
    bounds /= bounds[-1]
    edge_index = _file(where / "edge_index.npy", (2, edges), np.int32)
    edge_attr = _file(where / "edge_attr.npy", (edges, FEATURES), np.float16)
    for start in range(0, edges, 2 * BLOCK):
        size = min(2 * BLOCK, edges - start) // 2
        pair = _pairs(bounds, size, random)
        feature = random.random((size, FEATURES), dtype=np.float32) ** 4
        for way in (0, 1):
            here = slice(start + way, start + 2 * size, 2)
            edge_index[:, here] = pair if way == 0 else pair[::-1]
            edge_attr[here] = feature
    return SyntheticGraph(x, edge_index, edge_attr)


def _pairs(bounds: NDArray[np.float64], size: int, random: np.random.Generator) -> NDArray[Any]:
    """Draw pairs of different nodes ``[2, size]``; ``bounds`` are cumulative probabilities."""
    pair = _draw(bounds, (2, size), random)
    while (same := np.flatnonzero(pair[0] == pair[1])).size:
        pair[:, same] = _draw(bounds, (2, same.size), random)
    return pair


def _draw(
    bounds: NDArray[np.float64], shape: tuple[int, int], random: np.random.Generator
) -> NDArray[Any]:
    return np.searchsorted(bounds, random.random(shape), side="right").clip(max=len(bounds) - 1)


def _file(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    if 0 in shape:  # an empty file cannot be mapped
        empty: NDArray[Any] = np.empty(shape, dtype)
        np.save(path, empty)
        return empty
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
