"""Graphs with random edge types, with edges that hold no information, or with fewer edges.

Molecules become plain graphs where edges are added or removed, as an edge is no bond any more.
"""

import warnings
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.edges.directions import (
    batched_edges,
    edge_graphs,
    reverse_edges,
    undirected_edges,
)
from edgescope.data.graphs import GraphDataset
from edgescope.data.node_dataset import NodeDataset
from edgescope.data.own_graphs import OwnGraphs
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.progress import track


def refuse_nodes(dataset: GraphDataset) -> None:
    """Refuse a data set that is one graph whose nodes have targets.

    Raises:
        InputError: if it is, or its edges have real features instead of types.
    """
    if isinstance(dataset, NodeDataset) or dataset.edge_attr.is_floating_point():
        raise InputError(
            f"{dataset.name} is one graph whose nodes have targets, expected many graphs with "
            "edge types; only such data sets are rewired"
        )
    if isinstance(dataset, OwnGraphs):
        raise InputError(
            f"the graphs of {dataset.name} are your own and may hold more than edges and types, so "
            "they are not rewired here; change them before es.data.from_graphs"
        )


def plain(dataset: GraphDataset) -> GraphDataset:
    """Return molecules as graphs without SMILES."""
    return GraphDataset(
        **{field.name: getattr(dataset, field.name) for field in fields(GraphDataset)}
    )


Draw = Literal["uniform", "frequencies"]
"""Whether random types are equally likely, or as likely as they are frequent."""

Per = Literal["edge", "direction"]
"""Whether the two directions of an edge keep one type if they had one, or get types of their own."""


def shuffled(dataset: GraphDataset, random: np.random.Generator) -> GraphDataset:
    """Let the types change places among the edges of all graphs."""
    kinds, leader = _units(dataset)
    found = dataset.edge_attr.clone()
    for units in kinds:
        found[units] = dataset.edge_attr[units[torch.from_numpy(random.permutation(len(units)))]]
    return _retyped(dataset, found[leader], "shuffled types")


def drawn(dataset: GraphDataset, random: np.random.Generator, draw: Draw) -> GraphDataset:
    """Give every edge a random type among those that occur."""
    if not len(dataset.edge_attr):
        return _retyped(dataset, dataset.edge_attr, "random types")
    kinds, leader = _units(dataset)
    leaders = torch.cat(kinds)
    rows, counts = torch.unique(dataset.edge_attr, dim=0, return_counts=True)
    frequency = counts.double().numpy() if draw == "frequencies" else np.ones(len(rows))
    chosen = random.choice(len(rows), size=len(leaders), p=frequency / frequency.sum())
    found = dataset.edge_attr.clone()
    found[leaders] = rows[torch.from_numpy(chosen)]
    return _retyped(dataset, found[leader], "random types")


def _units(dataset: GraphDataset) -> tuple[list[Tensor], Tensor]:
    """Group edges that can exchange types: by whether two directions share one or not.

    Returns:
        For either kind the first edges of the units; and of each edge, its unit's first ``[E]``.
    """
    reverse = reverse_edges(batched_edges(dataset))
    here = torch.arange(len(reverse))
    other = reverse.where(reverse >= 0, here)
    rows = dataset.edge_attr.unsqueeze(1).flatten(1)
    other = other.where((rows == rows[other]).all(dim=1), here)
    leader = torch.minimum(here, other)
    leads = leader == here
    return [here[leads & (other != here)], here[leads & (other == here)]], leader


def _retyped(dataset: GraphDataset, edge_attr: Tensor, what: str) -> GraphDataset:
    return replace(dataset, edge_attr=edge_attr, name=f"{dataset.name}, {what}")


RANDOM = "random"
"""Name of the type of random edges."""

VIRTUAL = "virtual"
"""Name of the type of a virtual node and of its edges."""


def with_random_edges(
    dataset: GraphDataset, random: np.random.Generator, share: float, progress: bool
) -> GraphDataset:
    """Add ``share`` random edges per edge, in both directions, at pairs of nodes without one."""
    first, _ = undirected_edges(batched_edges(dataset))
    loops = dataset.edge_index[0, first] == dataset.edge_index[1, first]
    counts = torch.bincount(edge_graphs(dataset)[first[~loops]], minlength=len(dataset))
    wanted = (share * counts.double()).round().long().tolist()
    sizes, ptr = dataset.node_ptr.diff().tolist(), dataset.edge_ptr.tolist()
    edges = dataset.edge_index.numpy()
    pairs, full = [], 0
    bar = track(range(len(dataset)), f"adding edges to {dataset.name}", len(dataset), progress)
    for graph in bar:
        free = _free_pairs(edges[:, ptr[graph] : ptr[graph + 1]], sizes[graph])
        full += len(free) < wanted[graph]
        count = min(wanted[graph], len(free))
        pairs.append(free[random.choice(len(free), count, replace=False)] if count else free[:0])
    if full:
        warnings.warn(
            f"{full} of {len(dataset)} graphs of {dataset.name} have fewer free pairs of nodes "
            f"than edges to be added at share={share:g}; they got an edge at each",
            EdgescopeWarning,
            stacklevel=3,
        )
    graphs = torch.arange(len(dataset)).repeat_interleave(torch.tensor([*map(len, pairs)]).long())
    both = torch.from_numpy(np.concatenate([np.empty((0, 2), np.int64), *pairs]))
    return _with_edges(dataset, graphs, both, RANDOM, "random edges")


def with_virtual_node(dataset: GraphDataset) -> GraphDataset:
    """Add a node to every graph that is joined to all others of its graph."""
    sizes = dataset.node_ptr.diff()
    nodes = len(dataset.x)
    graph = torch.arange(len(dataset)).repeat_interleave(sizes)
    local = torch.arange(nodes) - dataset.node_ptr[graph]
    pairs = torch.stack([local, sizes[graph]], dim=1)
    vocabulary, number, columns = _named(dataset.vocabulary, VIRTUAL, dataset.node_columns)
    new = _rows(len(dataset), dataset.x, number)
    order = torch.cat([graph, torch.arange(len(dataset))]).argsort(stable=True)
    with_edges = _with_edges(dataset, graph, pairs, VIRTUAL, "virtual node")
    return replace(
        with_edges,
        x=torch.cat([dataset.x, new])[order],
        node_ptr=dataset.node_ptr + torch.arange(len(dataset) + 1),
        vocabulary=type(dataset.vocabulary)(vocabulary),
        node_columns=columns,
    )


def _free_pairs(edges: NDArray[np.int64], nodes: int) -> NDArray[np.int64]:
    """Return the pairs of different nodes without an edge in either direction ``[P, 2]``."""
    joined = np.zeros((nodes, nodes), dtype=bool)
    joined[edges[0], edges[1]] = True
    found: NDArray[np.int64] = np.argwhere(np.triu(~(joined | joined.T), 1))
    return found


def _named(
    names: tuple[str, ...], name: str, columns: Mapping[str, int]
) -> tuple[tuple[str, ...], int, Mapping[str, int]]:
    """Add the name of a type unless it is there, and return the names, its number, the columns."""
    names = tuple(names)
    if name in names:
        return names, names.index(name), columns
    if columns:
        key = next(iter(columns))
        columns = {**columns, key: columns[key] + 1}
    return (*names, name), len(names), columns


def _rows(count: int, like: Tensor, number: int) -> Tensor:
    """Return rows of the first type ``number`` and 0 in all other columns."""
    rows = like.new_zeros((count, *like.shape[1:]))
    rows.unsqueeze(1).flatten(1)[:, 0] = number
    return rows


def _with_edges(
    dataset: GraphDataset, graphs: Tensor, pairs: Tensor, kind: str, what: str
) -> GraphDataset:
    """Add edges in both directions behind those of their graphs.

    Args:
        dataset: the graphs.
        graphs: of every pair ``[P]``, not decreasing.
        pairs: nodes of a graph ``[P, 2]``.
        kind: name of their type.
        what: what to add to the name of the data set.
    """
    names, number, columns = _named(dataset.edge_type_names, kind, dataset.edge_columns)
    count = 2 * len(pairs)
    graph = graphs.repeat_interleave(2)
    attr = _rows(count, dataset.edge_attr, number)
    order = torch.cat([edge_graphs(dataset), graph]).argsort(stable=True)
    edge_index = torch.stack([pairs.flatten(), pairs.flip(1).flatten()])
    added = torch.bincount(graph, minlength=len(dataset)).cumsum(0)
    truth = dataset.edge_truth
    if truth is not None:
        first = dataset.edge_ptr[graph].clamp(max=max(len(truth) - 1, 0))
        has = dataset.edge_ptr.diff()[graph] > 0
        new = torch.full((count, truth.size(1)), torch.nan)
        if len(truth):  # where an explanation exists, an added edge is no part of it
            new = torch.zeros_like(new).where(has[:, None] & ~truth[first].isnan(), torch.nan)
        truth = torch.cat([truth, new])[order]
    return replace(
        plain(dataset),
        edge_index=torch.cat([dataset.edge_index, edge_index], dim=1)[:, order],
        edge_attr=torch.cat([dataset.edge_attr, attr])[order],
        edge_ptr=dataset.edge_ptr + torch.cat([torch.zeros(1, dtype=torch.long), added]),
        edge_type_names=names,
        edge_columns=columns,
        edge_truth=truth,
        name=f"{dataset.name}, {what}",
    )


def remove_edges(
    dataset: GraphDataset, importance: Tensor, share: float, *, largest: bool = True
) -> GraphDataset:
    """Return the graphs without their most, or least, important edges.

    The two directions of an edge go together, by the mean of their importance. Of each graph,
    ``share`` of its edges are removed, rounded to whole edges; of equal ones the first.

    Args:
        dataset: the graphs.
        importance: of every directed edge ``[E]``, the larger the more important.
        share: from 0 to 1.
        largest: whether the most important edges are removed, else the least important.

    Returns:
        Plain graphs, as an edge no longer belongs to a bond of a SMILES.

    Raises:
        InputError: if ``importance`` is not one finite number per edge, ``share`` lies outside 0
            to 1, or the data set is one graph whose nodes have targets.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> fewer = es.data.remove_edges(graphs, graphs.edge_attr.float(), share=0.5)
        >>> len(fewer.edge_attr) < len(graphs.edge_attr)
        True
    """
    if not isinstance(dataset, OwnGraphs):
        refuse_nodes(dataset)
    edges = len(dataset.edge_attr)
    if importance.shape != (edges,) or not importance.isfinite().all():
        what = "NaN or infinity" if importance.shape == (edges,) else "another number"
        raise InputError(
            f"received an importance of shape {list(importance.shape)} with {what} for "
            f"{edges} directed edges of {dataset.name}, expected one finite number for each"
        )
    if not 0 <= share <= 1:
        raise InputError(f"received share={share}, expected a number from 0 to 1")
    first, edge = undirected_edges(batched_edges(dataset))
    value = torch.zeros(len(first), dtype=torch.float64)
    value.scatter_reduce_(0, edge, importance.double(), "mean", include_self=False)
    graph = edge_graphs(dataset)[first]
    order = value.argsort(stable=True, descending=largest)
    order = order[graph[order].argsort(stable=True)]
    counts = torch.bincount(graph, minlength=len(dataset))
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order)) - (counts.cumsum(0) - counts)[graph[order]]
    removed = rank < (share * counts.double()).round().long()[graph]
    source = dataset if isinstance(dataset, OwnGraphs) else plain(dataset)
    return source.with_edges(~removed[edge]).renamed(f"{dataset.name}, edges removed")
