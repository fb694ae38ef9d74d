"""Graphs whose edges are made less informative, or more numerous, or fewer.

Edge types at random take the information out of them; random edges and a virtual node add edges
that never had any. Models can be trained on such graphs, or given them only when they are tested.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope._progress import track
from edgescope.data.directions import (
    batched_edges,
    edge_graphs,
    reverse_edges,
    undirected_edges,
)
from edgescope.data.graphs import GraphDataset
from edgescope.data.nodes import NodeDataset
from edgescope.errors import EdgescopeWarning, InputError

How = Literal["shuffle_types", "random_types", "random_edges", "virtual_node"]
"""What is done to the graphs; see :func:`rewire`."""

HOW: tuple[str, ...] = get_args(How)
"""Every :data:`How`."""

Draw = Literal["uniform", "frequencies"]
"""Whether random types are equally likely, or as likely as they are frequent."""

RANDOM = "random"
"""Name of the type of random edges."""

VIRTUAL = "virtual"
"""Name of the type of a virtual node and of its edges."""

SHARE = 0.5
"""Random edges per edge, unless told."""


def rewire(
    dataset: GraphDataset,
    how: How,
    *,
    seed: int = 0,
    share: float | None = None,
    draw: Draw | None = None,
    progress: bool = True,
) -> GraphDataset:
    """Return the same graphs with other edges.

    ==================  =========================================================================
    ``shuffle_types``   the types change places among the edges of all graphs; each type is as
                        frequent as before
    ``random_types``    every edge gets a random type among those that occur
    ``random_edges``    edges of the new type ``"random"`` between random pairs of nodes of a
                        graph that had no edge
    ``virtual_node``    one more node per graph, of the new type ``"virtual"``, joined to all
                        others by edges of the new type ``"virtual"``
    ==================  =========================================================================

    The two directions of an edge keep one type if they had one, and edges are added in both. What
    is added stands behind a graph's own nodes and edges, which keep their positions. Where edges
    have several features, all of them change places together; those of an added node or edge are
    0, apart from the type.

    New types are added behind the old ones, whether a graph has room for such an edge or not, so
    that the parts of a data set agree. With added edges molecules become plain graphs, because an
    edge no longer belongs to a bond of the SMILES. Known true edges stay so; added ones are not.

    Args:
        dataset: the graphs.
        how: see above.
        seed: start of all that is random.
        share: of ``random_edges``, how many are added for each edge of a graph, rounded to whole
            edges (both directions count as one, self-loops as none); 0.5 if None.
        draw: of ``random_types``, ``"uniform"`` (the default) or ``"frequencies"``.
        progress: show a bar while edges are drawn.

    Raises:
        InputError: if ``how`` is unknown, an option does not belong to it or is out of range, or
            the data set is one graph whose nodes have targets.

    Warns:
        EdgescopeWarning: if graphs have fewer free pairs than edges are to be added; they get an
            edge at each free pair.

    Example:
        >>> import edgescope as es
        >>> test = es.data.load("solubility").test
        >>> es.data.rewire(test, "random_edges", share=0.2).edge_type_names
        ('none', 'single', 'double', 'triple', 'random')
    """
    _check(dataset, how, share, draw)
    random = np.random.default_rng(seed)
    if how == "shuffle_types":
        return _shuffled(dataset, random)
    if how == "random_types":
        return _drawn(dataset, random, draw or "uniform")
    if how == "virtual_node":
        return _with_virtual_node(dataset)
    return _with_random_edges(dataset, random, SHARE if share is None else share, progress)


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
    """
    _refuse_nodes(dataset)
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
    return _kept(dataset, ~removed[edge])


def apply(part: GraphDataset, spec: Mapping[str, Any], *, progress: bool = True) -> GraphDataset:
    """Rewire as a mapping says, such as ``{"how": "random_edges", "share": 0.5, "seed": 0}``.

    Without a seed it is 0.

    Raises:
        InputError: as :func:`rewire`, and if a key is unknown or ``how`` is missing.
    """
    known = ("how", "share", "draw", "seed")
    unknown = [key for key in spec if key not in known]
    if unknown or "how" not in spec:
        what = f"the unknown key {unknown[0]!r}" if unknown else "no key 'how'"
        raise InputError(
            f"rewire has {what}, expected how ({', '.join(HOW)}), {', '.join(known[1:])}"
        )
    return rewire(part, **spec, progress=progress)


def _check(dataset: GraphDataset, how: str, share: float | None, draw: str | None) -> None:
    if how not in HOW:
        raise InputError(f"received how={how!r}, expected one of {', '.join(HOW)}")
    for name, value, owner in (("share", share, HOW[2]), ("draw", draw, HOW[1])):
        if value is not None and how != owner:
            raise InputError(f"received {name}={value!r} for {how}, it belongs to {owner}")
    if share is not None and not (share > 0 and math.isfinite(share)):
        raise InputError(f"received share={share}, expected a number above 0, such as {SHARE}")
    if draw is not None and draw not in get_args(Draw):
        raise InputError(f"received draw={draw!r}, expected {' or '.join(get_args(Draw))}")
    _refuse_nodes(dataset)


def _refuse_nodes(dataset: GraphDataset) -> None:
    if isinstance(dataset, NodeDataset) or dataset.edge_attr.is_floating_point():
        raise InputError(
            f"{dataset.name} is one graph whose nodes have targets, expected many graphs with "
            "edge types; only such data sets are rewired"
        )


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


def _shuffled(dataset: GraphDataset, random: np.random.Generator) -> GraphDataset:
    kinds, leader = _units(dataset)
    found = dataset.edge_attr.clone()
    for units in kinds:
        found[units] = dataset.edge_attr[units[torch.from_numpy(random.permutation(len(units)))]]
    return _retyped(dataset, found[leader], "shuffled types")


def _drawn(dataset: GraphDataset, random: np.random.Generator, draw: Draw) -> GraphDataset:
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


def _retyped(dataset: GraphDataset, edge_attr: Tensor, what: str) -> GraphDataset:
    return replace(dataset, edge_attr=edge_attr, name=f"{dataset.name}, {what}")


def _with_random_edges(
    dataset: GraphDataset, random: np.random.Generator, share: float, progress: bool
) -> GraphDataset:
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


def _free_pairs(edges: NDArray[np.int64], nodes: int) -> NDArray[np.int64]:
    """Return the pairs of different nodes without an edge in either direction ``[P, 2]``."""
    joined = np.zeros((nodes, nodes), dtype=bool)
    joined[edges[0], edges[1]] = True
    found: NDArray[np.int64] = np.argwhere(np.triu(~(joined | joined.T), 1))
    return found


def _with_virtual_node(dataset: GraphDataset) -> GraphDataset:
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
        _plain(dataset),
        edge_index=torch.cat([dataset.edge_index, edge_index], dim=1)[:, order],
        edge_attr=torch.cat([dataset.edge_attr, attr])[order],
        edge_ptr=dataset.edge_ptr + torch.cat([torch.zeros(1, dtype=torch.long), added]),
        edge_type_names=names,
        edge_columns=columns,
        edge_truth=truth,
        name=f"{dataset.name}, {what}",
    )


def _kept(dataset: GraphDataset, kept: Tensor) -> GraphDataset:
    """Return the graphs with some of their edges, ``kept`` ``[E]``."""
    count = torch.bincount(edge_graphs(dataset)[kept], minlength=len(dataset)).cumsum(0)
    return replace(
        _plain(dataset),
        edge_index=dataset.edge_index[:, kept],
        edge_attr=dataset.edge_attr[kept],
        edge_ptr=torch.cat([torch.zeros(1, dtype=torch.long), count]),
        edge_truth=None if dataset.edge_truth is None else dataset.edge_truth[kept],
        name=f"{dataset.name}, edges removed",
    )


def _plain(dataset: GraphDataset) -> GraphDataset:
    """Return molecules as graphs without SMILES."""
    return GraphDataset(
        **{field.name: getattr(dataset, field.name) for field in fields(GraphDataset)}
    )
