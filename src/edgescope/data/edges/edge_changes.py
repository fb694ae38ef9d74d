"""Graphs with other types of their edges, or with fewer edges.

Molecules become plain graphs where edges are added or removed, as an edge is no bond any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Literal

import numpy as np
import torch
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
from edgescope.lib.errors import InputError


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


def plain_sizes(dataset: GraphDataset) -> dict[str, Any]:
    """Return ``model_sizes`` of the graphs before types were added to them."""
    found = dict(dataset.model_sizes)
    for key, added in zip(("num_atom_types", "num_bond_types"), dataset.added_types, strict=True):
        if added:
            size = found[key]
            found[key] = (size[0] - added, *size[1:]) if isinstance(size, tuple) else size - added
    return found


Draw = Literal["uniform", "frequencies"]
"""Whether random types are equally likely, or as likely as they are frequent."""

Per = Literal["edge", "direction"]
"""Whether the two directions of an edge keep one type if they had one, or each gets its own."""


CONSTANT = "constant"
"""Name of the type of all edges where types tell nothing."""


def shuffled(dataset: GraphDataset, random: np.random.Generator, per: Per) -> GraphDataset:
    """Let the types change places among the edges of all graphs."""
    kinds, leader = _units(dataset, per)
    found = dataset.edge_attr.clone()
    for units in kinds:
        found[units] = dataset.edge_attr[units[torch.from_numpy(random.permutation(len(units)))]]
    return _retyped(dataset, found[leader], "shuffled types")


def drawn(dataset: GraphDataset, random: np.random.Generator, draw: Draw, per: Per) -> GraphDataset:
    """Give every edge a random type among those that occur."""
    if not len(dataset.edge_attr):
        return _retyped(dataset, dataset.edge_attr, "random types")
    kinds, leader = _units(dataset, per)
    leaders = torch.cat(kinds)
    types, counts = torch.unique(dataset.edge_attr, dim=0, return_counts=True)
    frequency = counts.double().numpy() if draw == "frequencies" else np.ones(len(types))
    chosen = random.choice(len(types), size=len(leaders), p=frequency / frequency.sum())
    found = dataset.edge_attr.clone()
    found[leaders] = types[torch.from_numpy(chosen)]
    return _retyped(dataset, found[leader], "random types")


def constant(dataset: GraphDataset) -> GraphDataset:
    """Give all edges one new type."""
    names, (number,), columns = named(dataset.edge_type_names, [CONSTANT], dataset.edge_columns)
    edge_attr = rows(torch.full((len(dataset.edge_attr),), number), dataset.edge_attr)
    nodes, edges = dataset.added_types
    added = nodes, edges + len(names) - len(dataset.edge_type_names)
    changed = replace(dataset, edge_type_names=names, edge_columns=columns, added_types=added)
    return _retyped(changed, edge_attr, "constant type")


def named(
    names: Sequence[str], new: Sequence[str], columns: Mapping[str, int]
) -> tuple[tuple[str, ...], list[int], Mapping[str, int]]:
    """Add names of types unless they are there, and return all names, their numbers, the columns.

    Args:
        names: of the types so far.
        new: what to add.
        columns: of features, the first of which is the type; empty if there is one only.
    """
    found = tuple(dict.fromkeys([*names, *new]))
    if columns:
        key = next(iter(columns))
        columns = {**columns, key: columns[key] + len(found) - len(names)}
    return found, [found.index(name) for name in new], columns


def rows(numbers: Tensor, like: Tensor) -> Tensor:
    """Return features of the types ``numbers`` ``[P]``: ``[P]``, or ``[P, C]`` with 0 elsewhere."""
    found = like.new_zeros((len(numbers), *like.shape[1:]))
    found.unsqueeze(1).flatten(1)[:, 0] = numbers
    return found


def _units(dataset: GraphDataset, per: Per) -> tuple[list[Tensor], Tensor]:
    """Group edges that can exchange types: by whether two directions share one or not.

    Returns:
        For either kind the first edges of the units; and of each edge, its unit's first ``[E]``.
    """
    if per == "direction":
        every = torch.arange(len(dataset.edge_attr))
        return [every], every
    reverse = reverse_edges(batched_edges(dataset))
    here = torch.arange(len(reverse))
    other = reverse.where(reverse >= 0, here)
    types = dataset.edge_attr.unsqueeze(1).flatten(1)
    other = other.where((types == types[other]).all(dim=1), here)
    leader = torch.minimum(here, other)
    leads = leader == here
    return [here[leads & (other != here)], here[leads & (other == here)]], leader


def _retyped(dataset: GraphDataset, edge_attr: Tensor, what: str) -> GraphDataset:
    return replace(dataset, edge_attr=edge_attr, name=f"{dataset.name}, {what}")


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
