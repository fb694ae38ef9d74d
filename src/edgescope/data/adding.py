"""Edges that never had any information: random ones, and those of a virtual node."""

import warnings
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.directions import batched_edges, edge_graphs, undirected_edges
from edgescope.data.graphs import GraphDataset
from edgescope.data.rewirable import plain
from edgescope.lib.errors import EdgescopeWarning
from edgescope.lib.progress import track

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
