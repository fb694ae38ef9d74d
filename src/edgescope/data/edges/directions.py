"""The two directions of an undirected edge, which a data set holds as two directed edges."""

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from edgescope.lib.errors import InputError

if TYPE_CHECKING:
    from edgescope.data.graphs import GraphDataset

Merge = Literal["mean", "max", "sum", "none"]
"""How the values of the two directions of an edge become one, which both of them get."""

MERGES = ("mean", "max", "sum", "none")
"""Every :data:`Merge`."""


def reverse_edges(edge_index: Tensor) -> Tensor:
    """Return the position of the opposite direction of every edge ``[E]``, -1 where there is none.

    Of several edges between the same nodes, the k-th in one direction belongs to the k-th in the
    other, in the order given. A self-loop is its own reverse.

    Args:
        edge_index: source and target of every edge ``[2, E]``, with nodes numbered through all
            graphs, as in a batch or by :func:`batched_edges`.
    """
    source, target = edge_index[0], edge_index[1]
    size = edge_index.size(1)
    if not size:
        return source.clone()
    nodes = int(edge_index.max()) + 1
    keys = torch.cat([source * nodes + target, target * nodes + source])
    code: Tensor = torch.unique(keys, return_inverse=True)[1]
    here, there = code[:size], code[size:]
    copy = _occurrence(here)
    # The pair (ends, copy) is unique; number the pairs to look up their opposites.
    known, order = (here * size + copy).sort()
    wanted = there * size + copy
    found = torch.searchsorted(known, wanted).clamp(max=size - 1)
    return order[found].where(known[found] == wanted, -1)


def merge_directions(values: Tensor, edge_index: Tensor, merge: Merge = "mean") -> Tensor:
    """Give both directions of an edge one value ``[E]``.

    An edge without an opposite keeps its value, as does a self-loop, which is one edge.

    Args:
        values: a value per directed edge ``[E]``.
        edge_index: source and target ``[2, E]``, as for :func:`reverse_edges`.
        merge: ``"mean"``, ``"max"`` or ``"sum"`` of the two values; ``"none"`` leaves them.

    Raises:
        InputError: if ``merge`` is unknown, or there is not one value per edge.
    """
    if merge not in MERGES:
        raise InputError(f"unknown merge {merge!r}, expected one of {', '.join(MERGES)}")
    if values.shape != edge_index.shape[1:]:
        raise InputError(
            f"received values of shape {list(values.shape)} for {edge_index.size(1)} edges, "
            "expected one per directed edge"
        )
    if merge == "none" or not len(values):
        return values
    reverse = reverse_edges(edge_index)
    itself = torch.arange(len(values), device=values.device)
    other = values[reverse.where(reverse >= 0, itself)]
    if merge == "max":
        return torch.maximum(values, other)
    total = values + other
    paired = (reverse >= 0) & (reverse != itself)
    return total.where(paired, values) if merge == "sum" else (total / 2).where(paired, values)


def undirected_edges(edge_index: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first direction of every undirected edge ``[U]``, and of each edge, whose ``[E]``.

    Args:
        edge_index: source and target ``[2, E]``, as for :func:`reverse_edges`. An edge without an
            opposite is an undirected edge by itself, as is a self-loop.
    """
    reverse = reverse_edges(edge_index)
    itself = torch.arange(len(reverse), device=reverse.device)
    first = itself.where(reverse < 0, torch.minimum(itself, reverse))
    leaders, edge = torch.unique(first, return_inverse=True)
    return leaders, edge


def batched_edges(dataset: "GraphDataset") -> Tensor:
    """Return the edges of a data set with nodes numbered through all its graphs ``[2, E]``."""
    return dataset.edge_index + dataset.node_ptr[edge_graphs(dataset)]


def edge_graphs(dataset: "GraphDataset") -> Tensor:
    """Return the graph of every edge of a data set ``[E]``."""
    return torch.repeat_interleave(torch.arange(len(dataset)), dataset.edge_ptr.diff())


def _occurrence(code: Tensor) -> Tensor:
    """Return how many equal codes come before each one ``[E]``."""
    ordered, order = code.sort(stable=True)
    place = torch.arange(len(code), device=code.device)
    is_first = torch.ones_like(place, dtype=torch.bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    first = place.where(is_first, 0).cummax(0).values
    occurrence = torch.empty_like(place)
    occurrence[order] = place - first
    return occurrence
