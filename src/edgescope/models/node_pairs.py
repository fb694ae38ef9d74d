"""The full graph: every pair of nodes of a graph, and how far a random walk gets between them."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.lib.errors import InputError

MAX_PAIRS = 10**8
"""More pairs than this are refused: their scores alone take 25 GB at width 64 in float32."""


class FullGraph(NamedTuple):
    """A batch of graphs in which all pairs of different nodes of a graph are edges.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> edge_index = torch.tensor([[0, 1], [1, 0]])
        >>> pairs = es.models.full_graph(edge_index, torch.tensor([1, 1]), num_nodes=3)
        >>> pairs.edge_real.sum().item(), pairs.edge_index.shape[1]
        (2, 6)
    """

    edge_index: Tensor
    """Source and target ``[2, P]``: the edges as given, then the added pairs."""
    edge_attr: Tensor
    """Edge types or features ``[P]`` or ``[P, C]``; 0 for added pairs."""
    edge_real: Tensor
    """Whether a row is an edge as given ``[P]``, boolean."""


def full_graph(
    edge_index: Tensor,
    edge_attr: Tensor,
    batch: Tensor | None = None,
    num_nodes: int | None = None,
) -> FullGraph:
    """Add all pairs of different nodes of a graph that have no edge from the one to the other.

    Args:
        edge_index: source and target of every edge ``[2, E]``.
        edge_attr: edge types or features ``[E]`` or ``[E, C]``.
        batch: graph of every node ``[V]``; without it all nodes are one graph.
        num_nodes: number of nodes ``V``; needed without ``batch``.

    Raises:
        InputError: if neither ``batch`` nor ``num_nodes`` is given, or if there would be more
            than :data:`MAX_PAIRS` pairs.

    Example:
        >>> import torch
        >>> from edgescope.models import full_graph
        >>> edges, types = torch.tensor([[0, 1], [1, 0]]), torch.tensor([2, 2])
        >>> full_graph(edges, types, num_nodes=3).edge_index.tolist()
        [[0, 1, 2, 2, 0, 1], [1, 0, 0, 1, 2, 2]]
    """
    batch = _batch(batch, num_nodes, edge_index)
    sizes = batch.bincount()
    pairs = int((sizes * sizes).sum())
    if pairs > MAX_PAIRS:
        raise InputError(
            f"the full graph would have {pairs:,} pairs of nodes, more than {MAX_PAIRS:,}; "
            "use smaller batches or full_graph=False"
        )
    order, first = _by_graph(batch, sizes)
    per_node = sizes[batch]
    target = torch.arange(len(batch), device=batch.device).repeat_interleave(per_node)
    start = per_node.cumsum(0) - per_node
    place = torch.arange(pairs, device=batch.device) - start[target]
    source = order[first[batch[target]] + place]
    known = torch.isin(source * len(batch) + target, edge_index[0] * len(batch) + edge_index[1])
    kept = ~known & (source != target)
    added = torch.stack([source[kept], target[kept]])
    blank = edge_attr.new_zeros(added.size(1), *edge_attr.shape[1:])
    real = torch.ones(edge_index.size(1) + added.size(1), dtype=torch.bool, device=batch.device)
    real[edge_index.size(1) :] = False
    return FullGraph(torch.cat([edge_index, added], 1), torch.cat([edge_attr, blank]), real)


def random_walk_kernel(
    edge_index: Tensor,
    pairs: Tensor,
    batch: Tensor | None = None,
    num_nodes: int | None = None,
    *,
    gamma: float = 0.25,
    steps: int = 16,
) -> Tensor:
    r"""Return the ``steps``-step random-walk kernel :math:`(I - \gamma L)^p` of pairs of nodes.

    It is how GraphiT weighs attention (Mialon et al., arXiv 2106.05667, section 3.2), with
    :math:`L` as in :func:`laplacians`.

    Args:
        edge_index: source and target of every edge ``[2, E]``.
        pairs: source and target of the pairs ``[2, P]``, each within one graph.
        batch: graph of every node ``[V]``; without it all nodes are one graph.
        num_nodes: number of nodes ``V``; needed without ``batch``.
        gamma: how far one step goes.
        steps: number of steps ``p``.

    Returns:
        The kernel of every pair ``[P, 1]``, float64.

    Raises:
        InputError: if neither ``batch`` nor ``num_nodes`` is given.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> edge_index = torch.tensor([[0, 1], [1, 0]])
        >>> es.models.random_walk_kernel(edge_index, edge_index, num_nodes=2, steps=1).tolist()
        [[0.25], [0.25]]
    """
    batch = _batch(batch, num_nodes, edge_index)
    per_node = batch.bincount()[batch] if len(batch) else batch
    row = per_node.cumsum(0) - per_node  # where the kernel of a target begins
    place = _places(batch)
    kernel = edge_index.new_zeros(int(per_node.sum()), dtype=torch.float64)
    for nodes, laplacian in laplacians(edge_index, batch):
        size = nodes.size(1)
        step = torch.eye(size, dtype=laplacian.dtype, device=nodes.device) - gamma * laplacian
        columns = torch.arange(size, device=nodes.device)
        kernel[row[nodes].unsqueeze(-1) + columns] = torch.linalg.matrix_power(step, steps)
    return kernel[row[pairs[1]] + place[pairs[0]]].unsqueeze(-1)


def laplacians(edge_index: Tensor, batch: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    r"""Yield the dense normalised Laplacians :math:`L = I - D^{-1/2} A D^{-1/2}` of a batch.

    :math:`A_{ij}` counts the edges between two nodes, half of them in each direction, so that a
    directed graph is taken as undirected; degrees below 1 are taken as 1.

    Graphs of equal size come together: then what is computed from the Laplacian of a graph does
    not depend on the graphs that it is batched with.

    Args:
        edge_index: source and target of every edge ``[2, E]``.
        batch: graph of every node ``[V]``.

    Yields:
        The nodes of the graphs of one size ``[g, n]`` and their Laplacians ``[g, n, n]``, float64.
    """
    sizes = batch.bincount()
    order, first = _by_graph(batch, sizes)
    place = _places(batch)
    graph = batch[edge_index[1]]
    for size in sorted(set(sizes.tolist())):
        chosen = (sizes == size).nonzero().squeeze(1)
        if not size:
            continue
        number = torch.full_like(sizes, -1)
        number[chosen] = torch.arange(len(chosen), device=batch.device)
        nodes = order[first[chosen].unsqueeze(1) + torch.arange(size, device=batch.device)]
        edges = edge_index[:, number[graph] >= 0]
        at = (number[batch[edges[1]]], place[edges[0]], place[edges[1]])
        adjacency = torch.zeros(len(chosen), size, size, dtype=torch.float64, device=batch.device)
        one = adjacency.new_ones(())
        adjacency.index_put_(at, one, accumulate=True)
        adjacency = (adjacency + adjacency.mT) / 2
        scale = adjacency.sum(-1).clamp(min=1) ** -0.5
        identity = torch.eye(size, dtype=torch.float64, device=batch.device)
        yield nodes, identity - scale.unsqueeze(-1) * adjacency * scale.unsqueeze(-2)


def _batch(batch: Tensor | None, num_nodes: int | None, like: Tensor) -> Tensor:
    if batch is not None:
        return batch
    if num_nodes is None:
        raise InputError("received neither batch nor num_nodes, expected one of them")
    return like.new_zeros(num_nodes)


def _by_graph(batch: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nodes sorted by graph ``[V]`` and where each graph begins among them ``[G]``."""
    return batch.argsort(stable=True), sizes.cumsum(0) - sizes


def _places(batch: Tensor) -> Tensor:
    """Return the position of every node among those of its graph ``[V]``."""
    order, first = _by_graph(batch, batch.bincount())
    place = torch.empty_like(batch)
    place[order] = torch.arange(len(batch), device=batch.device) - first[batch[order]]
    return place
