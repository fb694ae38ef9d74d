"""Graphs without their most, or least, important edges."""

from dataclasses import replace

import torch
from torch import Tensor

from edgescope.data.directions import batched_edges, edge_graphs, undirected_edges
from edgescope.data.graphs import GraphDataset
from edgescope.data.rewirable import plain, refuse_nodes
from edgescope.lib.errors import InputError


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
    return _kept(dataset, ~removed[edge])


def _kept(dataset: GraphDataset, kept: Tensor) -> GraphDataset:
    """Return the graphs with some of their edges, ``kept`` ``[E]``."""
    count = torch.bincount(edge_graphs(dataset)[kept], minlength=len(dataset)).cumsum(0)
    return replace(
        plain(dataset),
        edge_index=dataset.edge_index[:, kept],
        edge_attr=dataset.edge_attr[kept],
        edge_ptr=torch.cat([torch.zeros(1, dtype=torch.long), count]),
        edge_truth=None if dataset.edge_truth is None else dataset.edge_truth[kept],
        name=f"{dataset.name}, edges removed",
    )
