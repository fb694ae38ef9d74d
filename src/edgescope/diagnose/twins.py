"""Twins: nodes that a layer shows the same neighbourhood.

Two nodes are twins for a layer if the edges into them, as the layer saw them, come from the same
source nodes with the same edge features, as often. Only its own state can then tell the layer which
of the two it is working for.

Self-loops count as edges. A layer that adds one to every node, as PyG's ``GATConv`` does by
default, gives every node a source that is itself. Nodes i and k are then twins only if k is among
the sources of i, i among those of k, and all others are shared (with edge features, those of the
loops have to fit too). Without added self-loops, nodes are twins that share all sources, whether or
not there is an edge between them.
"""

import torch
from torch import Tensor

HASH_SEED = 20_190_502
"""Seed of the random numbers that neighbourhoods are hashed with; any other gives the same pairs."""


def find_twins(
    edge_index: Tensor,
    num_targets: int,
    edge_attr: Tensor | None = None,
    *,
    choices: int = 2,
) -> Tensor:
    """Return pairs of nodes that have the same incoming edges.

    Twins come in groups, in which each is a twin of all others. A group of n gives n - 1 pairs,
    each of its nodes with the next, so that the number of pairs is below that of the nodes.

    Neighbourhoods are compared by a hash of their edges, a sum of random numbers that does not
    depend on their order; pairs of the same hash are then compared edge by edge. The time is that
    of sorting the edges.

    Args:
        edge_index: source and target of every edge ``[2, E]``, as the layer saw them.
        num_targets: number of nodes that can be targets.
        edge_attr: features of every edge ``[E]`` or ``[E, ...]``, as the layer saw them.
        choices: how many different sources, or edges, a node must have at least. With one, any
            layer that normalises its weights gives twins the same output, as they have no choice.

    Returns:
        Pairs ``[2, P]``, the lower number first.
    """
    source, target = edge_index
    kind = _numbered(source, edge_attr)
    order = torch.argsort(kind, stable=True)
    order = order[torch.argsort(target[order], stable=True)]
    source_kind, into = kind[order], target[order]
    degree = torch.bincount(into, minlength=num_targets)
    start = degree.cumsum(0) - degree
    candidates = _same_hash(source_kind, into, degree, choices)
    return candidates[:, _same_edges(source_kind, start, degree, candidates)]


def _numbered(source: Tensor, edge_attr: Tensor | None) -> Tensor:
    """Number the different pairs of source and edge features ``[E]``."""
    if edge_attr is None or not edge_attr.numel():
        return source
    rows = edge_attr.reshape(len(edge_attr), -1)
    features, feature = torch.unique(rows, dim=0, return_inverse=True)
    return source * len(features) + feature


def _same_hash(kind: Tensor, target: Tensor, degree: Tensor, choices: int) -> Tensor:
    """Pair the nodes whose edges hash to the same two numbers, each with the next."""
    first = torch.ones_like(kind, dtype=torch.bool)
    first[1:] = (kind[1:] != kind[:-1]) | (target[1:] != target[:-1])
    different = torch.bincount(target[first], minlength=len(degree))
    nodes = (different >= max(choices, 1)).nonzero().squeeze(1)
    values, position = torch.unique(kind, return_inverse=True)
    random = torch.Generator().manual_seed(HASH_SEED)
    limits = torch.iinfo(torch.int64)
    numbers = torch.randint(limits.min, limits.max, (len(values), 2), generator=random)
    # Sums of 64-bit integers wrap around, which keeps them equal for equal edges.
    hashed = torch.zeros(len(degree), 2, dtype=torch.int64, device=kind.device)
    hashed.index_add_(0, target, numbers.to(kind.device)[position])
    group = torch.unique(hashed[nodes], dim=0, return_inverse=True)[1]
    order = torch.argsort(group, stable=True)
    group, nodes = group[order], nodes[order]
    neighbours = torch.stack([nodes[:-1], nodes[1:]])
    return neighbours[:, group[1:] == group[:-1]]


def _same_edges(kind: Tensor, start: Tensor, degree: Tensor, pairs: Tensor) -> Tensor:
    """Return for every pair ``[P]`` whether the edges of both are the same, one by one."""
    left, right = pairs
    same = degree[left] == degree[right]
    length = torch.where(same, degree[left], 0)
    number = torch.repeat_interleave(torch.arange(len(length), device=kind.device), length)
    step = torch.arange(len(number), device=kind.device) - (length.cumsum(0) - length)[number]
    differs = kind[start[left][number] + step] != kind[start[right][number] + step]
    return same & (torch.bincount(number[differs], minlength=len(length)) == 0)
