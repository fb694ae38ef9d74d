"""Random graphs in which the edges that decide the target are planted, and so known.

As the synthetic data that explainers are tested on (Ying et al., NeurIPS 2019, section 6; Faber et
al., KDD 2021, on what such truth is worth): the target depends on nothing else, by construction.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from edgescope.data.graphs import GraphDataset
from edgescope.data.splits import DEFAULT_FRACTIONS, Splits, check_fractions, divide_at_random
from edgescope.lib.errors import InputError
from edgescope.lib.task_metrics import Task

Plant = Literal["marked", "motif", "edge_type"]
"""What decides the target; see :func:`planted`."""

Base = Literal["tree", "preferential"]
"""How the graph around it grows."""

NODE_TYPES = ("A", "B", "C")
"""Types of nodes, equally likely; in ``edge_type`` there is also ``"key"``."""

PLAIN = ("plain", "other")
"""Types of edges that mean nothing."""

MARKED_VALUE = {"weak": 1.0, "strong": 2.0}
"""Value of a marked edge between two nodes of the types A or C."""

END_BONUS = 0.5
"""An end of type B adds this share to the value of its marked edge."""

MOST_MARKED = 4
"""A graph of ``marked`` has one to so many marked edges."""

HOUSE = ((0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (1, 4))
"""A square with a roof: the motif of label 1."""

BIPARTITE = ((0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4))
"""Two nodes, each joined to three others: the motif of label 0. It has the nodes, edges and degrees
of the house."""

SMALLEST = 8
"""Nodes that a graph has at least."""


class _Graph(NamedTuple):
    """One graph: node types, undirected edges ``[U, 2]``, their types and truth, the target."""

    nodes: NDArray[np.int64]
    edges: NDArray[np.int64]
    kinds: NDArray[np.int64]
    truth: NDArray[np.float32]
    target: float


def planted(
    task: Plant = "motif",
    graphs: int = 1000,
    *,
    seed: int = 0,
    nodes: tuple[int, int] = (12, 24),
    base: Base = "tree",
    labels: bool = False,
    split: Sequence[float] = DEFAULT_FRACTIONS,
) -> Splits:
    """Draw graphs whose target is decided by known edges, in three parts.

    =============  ==============================================================================
    ``marked``     A number: the sum of the values of one to four marked edges, of the type
                   ``"weak"`` (1) or ``"strong"`` (2), and half as much more for each end of type
                   B. Only they are true edges. With ``labels``, whether the sum is above its
                   median over all graphs.
    ``motif``      A label: whether a house (1) or another motif of as many nodes and edges with
                   the same degrees (0) hangs on the graph. The edges of the house are true; in
                   graphs with label 0 nothing is.
    ``edge_type``  A label: whether the edge between the two nodes of type ``"key"``, which every
                   graph has, is of the type ``"other"`` (1) or ``"plain"`` (0). It alone is true,
                   in all graphs. For each such edge another one has the opposite type, so that
                   neither the topology nor how often the types occur tells the label.
    =============  ==============================================================================

    Around these edges a random graph grows: in ``motif`` a tree, so that no motif occurs by chance;
    else a tree with a third as many edges more. Types of nodes and of edges are equally likely and
    independent of everything else. Every edge is written both ways, as edges ``2b`` and ``2b + 1``.

    ``motif`` is hard for attention, which is a mean over neighbours and does not see degrees: check
    a model's accuracy before its attributions are judged.

    Args:
        task: see above.
        graphs: how many, of all parts.
        seed: start of everything.
        nodes: the smallest and the largest number of nodes, equally likely all between.
        base: whether a new node hangs on any node (``"tree"``) or rather on one with many edges
            (``"preferential"``, Barabási and Albert, Science 286, 1999, with one edge a node).
        labels: of ``marked``, labels in place of numbers.
        split: the fractions of train, val and test.

    Returns:
        The parts, with ``edge_truth`` ``[E, 1]``, NaN in graphs without true edges.

    Raises:
        InputError: if a name is unknown, a number out of range, or labels are asked of another
            task.

    Example:
        >>> from edgescope.data import planted
        >>> part = planted("marked", 10).test
        >>> part.edge_type_names, part.task
        (('plain', 'other', 'weak', 'strong'), 'regression')
    """
    if task not in get_args(Plant):
        raise InputError(f"received task={task!r}, expected one of {', '.join(get_args(Plant))}")
    if base not in get_args(Base):
        raise InputError(f"received base={base!r}, expected {' or '.join(get_args(Base))}")
    if labels and task != "marked":
        raise InputError(f"received labels=True for {task}, which has labels; leave it out")
    if graphs < 1 or not SMALLEST <= nodes[0] <= nodes[1]:
        raise InputError(
            f"received {graphs} graphs of {nodes[0]} to {nodes[1]} nodes, expected at least one "
            f"graph and sizes from {SMALLEST} on, the smaller one first"
        )
    fractions = check_fractions(split)
    random = np.random.default_rng(seed)
    make = {"marked": _marked, "motif": _motif, "edge_type": _edge_type}[task]
    # As many graphs of either label, in random order.
    label = random.permutation(np.arange(graphs) % 2)
    sizes = random.integers(nodes[0], nodes[1] + 1, graphs)
    drawn = [
        make(random, int(size), base, int(one)) for size, one in zip(sizes, label, strict=True)
    ]
    targets = np.array([each.target for each in drawn], dtype=np.float32)
    if labels:
        targets = (targets > np.median(targets)).astype(np.float32)
    kind: Task = "labels" if labels or task != "marked" else "regression"
    edge_types = (*PLAIN, *MARKED_VALUE) if task == "marked" else PLAIN
    node_types = (*NODE_TYPES, "key") if task == "edge_type" else NODE_TYPES
    whole = _laid_out(drawn, targets, node_types, edge_types, task, kind)
    return divide_at_random(whole, seed, fractions)


def _marked(random: np.random.Generator, size: int, base: Base, label: int) -> _Graph:
    del label
    nodes, edges, kinds = _surroundings(random, size, base)
    chosen = random.choice(len(edges), random.integers(1, MOST_MARKED + 1), replace=False)
    kinds[chosen] = len(PLAIN) + random.integers(len(MARKED_VALUE), size=len(chosen))
    truth = np.zeros(len(edges), dtype=np.float32)
    truth[chosen] = 1
    value = np.array([0.0] * len(PLAIN) + [*MARKED_VALUE.values()])
    bonus = 1 + END_BONUS * (nodes[edges] == NODE_TYPES.index("B")).sum(axis=1)
    return _Graph(nodes, edges, kinds, truth, float((value[kinds] * bonus).sum()))


def _motif(random: np.random.Generator, size: int, base: Base, label: int) -> _Graph:
    shape = np.array(HOUSE if label else BIPARTITE)
    inner = int(shape.max()) + 1
    nodes, edges, kinds = _surroundings(random, size - inner, base, cycles=False)
    extra = random.integers(len(NODE_TYPES), size=inner)
    rest = size - inner
    # Hung on by one edge between any two nodes.
    bridge = np.array([[random.integers(rest), rest + random.integers(inner)]])
    edges = np.concatenate([edges, bridge, shape + rest])
    kinds = np.concatenate([kinds, random.integers(len(PLAIN), size=1 + len(shape))])
    truth = np.full(len(edges), 0.0 if label else np.nan, dtype=np.float32)
    if label:
        truth[-len(shape) :] = 1
    return _shuffled(random, _Graph(np.concatenate([nodes, extra]), edges, kinds, truth, label))


def _edge_type(random: np.random.Generator, size: int, base: Base, label: int) -> _Graph:
    nodes, edges, kinds = _surroundings(random, size, base)
    key, other = random.choice(len(edges), 2, replace=False)
    nodes[edges[key]] = len(NODE_TYPES)
    kinds[key], kinds[other] = label, 1 - label
    truth = np.zeros(len(edges), dtype=np.float32)
    truth[key] = 1
    return _Graph(nodes, edges, kinds, truth, label)


def _surroundings(
    random: np.random.Generator, size: int, base: Base, *, cycles: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return node types, undirected edges without duplicates and their types."""
    edges: list[tuple[int, int]] = []
    for new in range(1, size):
        if base == "tree" or not edges:
            edges.append((int(random.integers(new)), new))
        else:  # an end of a random edge is a node in proportion to its degree
            edges.append((edges[random.integers(len(edges))][random.integers(2)], new))
    free = np.triu(np.ones((size, size), dtype=bool), 1)
    free[tuple(np.array(edges, dtype=np.int64).reshape(-1, 2).T)] = False
    pairs = np.argwhere(free)
    more = random.choice(len(pairs), size // 3 if cycles else 0, replace=False)
    joined = np.concatenate([np.array(edges, dtype=np.int64).reshape(-1, 2), pairs[more]])
    nodes = random.integers(len(NODE_TYPES), size=size)
    return nodes, joined, random.integers(len(PLAIN), size=len(joined))


def _shuffled(random: np.random.Generator, graph: _Graph) -> _Graph:
    """Number nodes and edges at random, so that their place tells nothing."""
    place = random.permutation(len(graph.nodes))
    nodes = np.empty_like(graph.nodes)
    nodes[place] = graph.nodes
    order = random.permutation(len(graph.edges))
    edges = place[graph.edges][order]
    return _Graph(nodes, edges, graph.kinds[order], graph.truth[order], graph.target)


def _laid_out(
    drawn: Sequence[_Graph],
    targets: NDArray[np.float32],
    node_types: tuple[str, ...],
    edge_types: tuple[str, ...],
    task: str,
    kind: Task,
) -> GraphDataset:
    """Lay the graphs end to end, each edge in both directions."""
    edges = torch.from_numpy(np.concatenate([each.edges for each in drawn]))
    kinds = torch.from_numpy(np.concatenate([each.kinds for each in drawn]))
    truth = torch.from_numpy(np.concatenate([each.truth for each in drawn]))
    return GraphDataset(
        node_ptr=torch.tensor([0, *(len(each.nodes) for each in drawn)]).cumsum(0),
        edge_ptr=torch.tensor([0, *(2 * len(each.edges) for each in drawn)]).cumsum(0),
        x=torch.from_numpy(np.concatenate([each.nodes for each in drawn])),
        edge_index=torch.stack([edges.flatten(), edges.flip(1).flatten()]),
        edge_attr=kinds.repeat_interleave(2),
        y=torch.from_numpy(targets).view(-1, 1),
        vocabulary=node_types,
        edge_type_names=edge_types,
        target_names=("sum" if kind == "regression" else task,),
        name=f"planted-{task}",
        task=kind,
        edge_truth=truth.repeat_interleave(2).unsqueeze(1),
    )
