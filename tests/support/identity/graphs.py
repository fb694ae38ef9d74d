"""Graphs whose edges and nodes bear tags, and what is true of each tag."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FIRST = 10_000
"""Tags of the k-th input of a call start at ``k`` times this."""
TARGETS = 5_000
"""Added to the tags of target nodes, where these are others than the sources."""


@dataclass
class Given:
    """One input of a call: a graph, or a batch of several, as a user gives it."""

    name: str
    edges: Tensor
    tag: Tensor
    kind: Tensor
    """Type of every edge ``[E]``."""
    x: Tensor
    y: Tensor | None
    batch: Tensor
    """Graph of every node, or of every source node ``[V]``."""
    batch_y: Tensor | None
    """Graph of every target node, if these are others."""


@dataclass
class Truth:
    """What is true of every tag of an input: one row per edge, and one per node of either side."""

    name: str
    edge: NDArray[np.int64]
    """Graph, position within it and type of every edge ``[E, 3]``, by tag."""
    nodes: tuple[NDArray[np.int64], NDArray[np.int64]]
    """Graph, number within it and number in the whole of every node ``[V, 3]``, by tag; those of
    sources and those of targets."""
    first: int
    """The first tag of edges."""
    bases: tuple[int, int]
    """The first tag of sources and of targets."""

    def without_graphs(self) -> "Truth":
        """Return what is true in a call that is not told of graphs: all is in one."""
        edge = self.edge.copy()
        edge[:, 0], edge[:, 1] = 0, np.arange(len(edge))
        nodes = (_whole(self.nodes[0]), _whole(self.nodes[1]))
        return replace(self, edge=edge, nodes=nodes)


def _whole(nodes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack([0 * nodes[:, 0], nodes[:, 2], nodes[:, 2]], axis=1)


def draw_input(random: Random, name: str, number: int, *, square: bool) -> tuple[Given, Truth]:
    """Draw a graph, or a batch of them: small, with parallel edges, loops and lonely nodes."""
    counts = [(size, size) if square else (size, other) for size, other in draw_sizes(random)]
    first = FIRST * number
    bases = (first, first) if square else (first, first + TARGETS)
    return draw_edges(random, name, first, counts, bases, square=square)


def draw_relations(
    random: Random, relations: Sequence[tuple[str, str, str]]
) -> list[tuple[Given, Truth]]:
    """Draw the relations of a heterogeneous graph, or of a batch of them, between types u and v."""
    sizes = draw_sizes(random)
    side, base = {"u": 0, "v": 1}, {"u": 0, "v": TARGETS}
    found = []
    for number, (source, _, target) in enumerate(relations):
        counts = [(each[side[source]], each[side[target]]) for each in sizes]
        bases = base[source], base[target]
        given, truth = draw_edges(
            random, "", FIRST * number, counts, bases, square=source == target
        )
        truth.edge[:, 2] = number  # the type of an edge is its relation
        found.append((given, truth))
    return found


def draw_sizes(random: Random) -> list[tuple[int, int]]:
    """Draw how many nodes of either kind the graphs of a batch have."""
    largest = random.choices([5, 40, 150], [10, 3, 1])[0]
    return [
        (random.randint(1, largest), random.randint(1, largest))
        for _ in range(random.choice([1, 1, 2, 3]))
    ]


def draw_edges(
    random: Random,
    name: str,
    first: int,
    counts: Sequence[tuple[int, int]],
    bases: tuple[int, int],
    *,
    square: bool,
) -> tuple[Given, Truth]:
    """Draw the edges of a batch of graphs.

    Args:
        random: what is drawn from.
        name: name of the input.
        first: the first tag of edges.
        counts: sources and targets of every graph.
        bases: the first tag of sources and of targets.
        square: whether these are the same nodes.
    """
    parts = [_draw_graph(random, own, square) for own in counts]
    offsets = np.cumsum([(0, 0), *counts], axis=0)
    edges = np.concatenate(
        [own + offset[:, None] for own, offset in zip(parts, offsets, strict=False)], axis=1
    )
    graph = np.concatenate([[g] * own.shape[1] for g, own in enumerate(parts)]).astype(int)
    place = np.concatenate([np.arange(own.shape[1]) for own in parts]).astype(int)
    if random.random() < 0.2 and len(parts) > 1:
        # Edges of several graphs may come mixed; then an edge's place is among those of its graph.
        order = np.array(random.sample(range(len(graph)), len(graph)), dtype=int)
        edges, graph = edges[:, order], graph[order]
        place = np.array([(graph[:k] == g).sum() for k, g in enumerate(graph)], dtype=int)
    kinds = np.array([random.randrange(4) for _ in graph], dtype=np.int64)
    sides = [
        np.array(
            [(g, v, offsets[g][side] + v) for g, own in enumerate(counts) for v in range(own[side])]
        ).reshape(-1, 3)
        for side in (0, 1)
    ]
    table = np.stack([graph, place, kinds], axis=1)
    truth = Truth(name, table, (sides[0], sides[1]), first, bases)
    x, y = (_tags(base, len(side))[:, None] for base, side in zip(bases, sides, strict=True))
    source, target = (torch.from_numpy(side[:, 0].copy()) for side in sides)
    given = Given(
        name,
        torch.from_numpy(edges),
        _tags(first, len(graph)),
        torch.from_numpy(kinds),
        x,
        None if square else y,
        source,
        None if square else target,
    )
    return given, truth


def _tags(first: int, size: int) -> Tensor:
    return torch.arange(first, first + size, dtype=torch.float64)


def _draw_graph(random: Random, counts: tuple[int, int], square: bool) -> NDArray[np.int64]:
    """Draw the edges of a graph ``[2, E]``."""
    sources, targets = counts
    size = random.randint(0, 8 if sources <= 5 else 4 * sources)
    shape = random.choice(["any", "simple", "complete", "cycle", "both ways", "sorted"])
    if shape == "complete" and sources <= 5 and square:
        pairs = [(i, j) for i in range(sources) for j in range(sources)]
    elif shape == "cycle" and square:
        pairs = [(i, (i + 1) % sources) for i in range(sources)]
    else:
        pairs = [(random.randrange(sources), random.randrange(targets)) for _ in range(size)]
    if shape == "simple":
        pairs = list(dict.fromkeys(pairs))
    if shape == "both ways" and square:
        pairs = [pair for i, j in pairs if i != j for pair in ((i, j), (j, i))]
    if shape == "sorted":
        pairs.sort()
    return np.array(pairs, dtype=np.int64).reshape(-1, 2).T.copy()
