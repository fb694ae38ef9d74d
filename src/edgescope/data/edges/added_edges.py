"""Graphs with more edges: random ones, virtual nodes, a hub, every pair of nodes.

What is added stands behind a graph's own nodes and edges, and is marked as added. Molecules become
plain graphs, as an edge is no bond any more.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.edges.directions import batched_edges, edge_graphs, undirected_edges
from edgescope.data.edges.edge_changes import constant, named, plain, rows
from edgescope.data.graphs import NO_EDGE, GraphDataset
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.progress import track

RANDOM = "random"
"""Name of the type of random edges."""

VIRTUAL = "virtual"
"""Name of the type of a virtual node and of its edges."""

HUB = "hub"
"""Name of the type of the edges that make a node a hub."""

Types = Literal["one", "two", "atoms", "constant"]
"""Which types added edges have; see :func:`edgescope.data.rewire`."""


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
    ends = torch.from_numpy(np.concatenate([np.empty((0, 2), np.int64), *pairs])).T
    number = torch.zeros(ends.size(1), dtype=torch.long)
    return _with_both_ways(dataset, graphs, ends, [RANDOM], (number, number), "random edges")


def with_virtual_nodes(
    dataset: GraphDataset, count: int, types: Types, edge_type: str | None
) -> GraphDataset:
    """Add nodes to every graph that are joined to all of its own nodes, and not to each other."""
    sizes = dataset.node_ptr.diff()
    node, graph, local = _nodes(dataset)
    ends = torch.stack(
        [
            local.repeat_interleave(count),
            (sizes[graph].unsqueeze(1) + torch.arange(count)).flatten(),
        ]
    )
    node, graph = node.repeat_interleave(count), graph.repeat_interleave(count)
    kinds, numbers = _types(dataset, node, VIRTUAL, types, edge_type)
    what = "virtual node" if count == 1 else f"{count} virtual nodes"
    joined = _with_both_ways(dataset, graph, ends, kinds, numbers, what)
    names, (number,), columns = named(dataset.vocabulary, [VIRTUAL], dataset.node_columns)
    new = rows(torch.full((count * len(dataset),), number), dataset.x)
    owner = torch.arange(len(dataset)).repeat_interleave(sizes)
    order = torch.cat([owner, torch.arange(len(dataset)).repeat_interleave(count)])
    order = order.argsort(stable=True)
    before = _mask(dataset.node_added, len(dataset.x))
    nodes, edges = joined.added_types
    return replace(
        joined,
        x=torch.cat([dataset.x, new])[order],
        node_ptr=dataset.node_ptr + count * torch.arange(len(dataset) + 1),
        node_added=torch.cat([before, torch.ones(len(new), dtype=torch.bool)])[order],
        vocabulary=type(dataset.vocabulary)(names),
        added_types=(nodes + len(names) - len(dataset.vocabulary), edges),
        node_columns=columns,
    )


def with_hub(
    dataset: GraphDataset, random: np.random.Generator, types: Types, edge_type: str | None
) -> GraphDataset:
    """Join a random node of every graph to all of its nodes that it has no edge with."""
    node, graph, local = _nodes(dataset)
    sizes = dataset.node_ptr.diff()
    draws = torch.from_numpy(random.random(len(dataset)))
    hub = (draws * sizes).long()[graph]
    place = dataset.node_ptr[graph]
    source, target = batched_edges(dataset)
    joined = (hub + place)[source] == target  # edges into the hub of their graph
    left = (hub + place)[target] == source
    known = torch.cat([source[joined], target[left]])
    free = (local != hub) & ~torch.isin(node, known)
    ends = torch.stack([local, hub])[:, free]
    kinds, numbers = _types(dataset, node[free], HUB, types, edge_type)
    return _with_both_ways(dataset, graph[free], ends, kinds, numbers, "hub")


def as_full_graph(dataset: GraphDataset, types: Types) -> GraphDataset:
    """Add an edge from every node to every other of its graph that it has no edge to."""
    node, graph, local = _nodes(dataset)
    per_node = dataset.node_ptr.diff()[graph]
    target = node.repeat_interleave(per_node)
    first = per_node.cumsum(0) - per_node
    source = torch.arange(len(target)) - first[target] + dataset.node_ptr[graph[target]]
    own_source, own_target = batched_edges(dataset)
    known = torch.isin(source * len(node) + target, own_source * len(node) + own_target)
    free = (source != target) & ~known
    ends = local[torch.stack([source[free], target[free]])]
    number = torch.zeros(ends.size(1), dtype=torch.long)
    found = _with_edges(dataset, graph[target[free]], ends, [NO_EDGE], number, "full graph")
    return constant(found) if types == "constant" else found


def _nodes(dataset: GraphDataset) -> tuple[Tensor, Tensor, Tensor]:
    """Return all nodes, their graphs, and their numbers within these, each ``[V]``."""
    node = torch.arange(len(dataset.x))
    graph = torch.arange(len(dataset)).repeat_interleave(dataset.node_ptr.diff())
    return node, graph, node - dataset.node_ptr[graph]


def _free_pairs(edges: NDArray[np.int64], nodes: int) -> NDArray[np.int64]:
    """Return the pairs of different nodes without an edge in either direction ``[P, 2]``."""
    joined = np.zeros((nodes, nodes), dtype=bool)
    joined[edges[0], edges[1]] = True
    found: NDArray[np.int64] = np.argwhere(np.triu(~(joined | joined.T), 1))
    return found


def _mask(added: Tensor | None, size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.bool) if added is None else added


def _types(
    dataset: GraphDataset, node: Tensor, centre: str, types: Types, edge_type: str | None
) -> tuple[list[str], tuple[Tensor, Tensor]]:
    """Return names of types, and which of them edges to and from a centre have ``[P]`` each.

    Args:
        dataset: the graphs.
        node: the other end of every edge, numbered through all graphs ``[P]``.
        centre: what the centre is called.
        types: as :func:`edgescope.data.rewire` has it.
        edge_type: name of an own type that all of them get.

    Raises:
        InputError: if no edge has the type ``edge_type``.
    """
    zero = torch.zeros_like(node)
    if edge_type is not None:
        known = [name for name in dataset.edge_type_names if name != NO_EDGE]
        if edge_type not in known:
            raise InputError(
                f"received edge_type={edge_type!r}, but the edge types of {dataset.name} are "
                f"{', '.join(known)}; name one of them"
            )
        return [edge_type], (zero, zero)
    if types == "two":
        return [f"to {centre}", f"from {centre}"], (zero, zero + 1)
    if types == "atoms":
        kind = dataset.node_types[node]
        return [f"{centre} {name}" for name in dataset.vocabulary], (kind, kind)
    return [centre], (zero, zero)


def _with_both_ways(
    dataset: GraphDataset,
    graph: Tensor,
    ends: Tensor,
    kinds: Sequence[str],
    numbers: tuple[Tensor, Tensor],
    what: str,
) -> GraphDataset:
    """Add edges ``[2, P]`` and, after each, the one back, whose types have numbers of their own."""
    both = torch.stack([ends, ends.flip(0)], dim=2).flatten(1)
    number = torch.stack(numbers, dim=1).flatten()
    return _with_edges(dataset, graph.repeat_interleave(2), both, kinds, number, what)


def _with_edges(
    dataset: GraphDataset,
    graph: Tensor,
    ends: Tensor,
    kinds: Sequence[str],
    number: Tensor,
    what: str,
) -> GraphDataset:
    """Add edges behind those of their graphs.

    Args:
        dataset: the graphs.
        graph: of every new edge ``[P]``.
        ends: nodes of that graph, source and target ``[2, P]``.
        kinds: names of types.
        number: which of these every new edge has ``[P]``.
        what: what to add to the name of the data set.
    """
    names, numbers, columns = named(dataset.edge_type_names, kinds, dataset.edge_columns)
    attr = rows(torch.tensor(numbers)[number], dataset.edge_attr)
    order = torch.cat([edge_graphs(dataset), graph]).argsort(stable=True)
    added = torch.bincount(graph, minlength=len(dataset)).cumsum(0)
    before = _mask(dataset.edge_added, len(dataset.edge_attr))
    node_types, edge_types = dataset.added_types
    truth = dataset.edge_truth
    if truth is not None:
        first = dataset.edge_ptr[graph].clamp(max=max(len(truth) - 1, 0))
        has = dataset.edge_ptr.diff()[graph] > 0
        new = torch.full((len(graph), truth.size(1)), torch.nan)
        if len(truth):  # where an explanation exists, an added edge is no part of it
            new = torch.zeros_like(new).where(has[:, None] & ~truth[first].isnan(), torch.nan)
        truth = torch.cat([truth, new])[order]
    return replace(
        plain(dataset),
        edge_index=torch.cat([dataset.edge_index, ends], dim=1)[:, order],
        edge_attr=torch.cat([dataset.edge_attr, attr])[order],
        edge_ptr=dataset.edge_ptr + torch.cat([torch.zeros(1, dtype=torch.long), added]),
        edge_added=torch.cat([before, torch.ones(len(graph), dtype=torch.bool)])[order],
        edge_type_names=names,
        edge_columns=columns,
        added_types=(node_types, edge_types + len(names) - len(dataset.edge_type_names)),
        edge_truth=truth,
        name=f"{dataset.name}, {what}",
    )
