"""Some graphs of a batch, for loaders of so few batches that one is too much."""

import math
from typing import Any

import torch

LEAST_GRAPHS = 32
"""Graphs that are left at least: with fewer, time goes into the calls and no longer into the
graphs, and counts get too small to say anything."""


def thinned(batch: Any, share: float, least: int = LEAST_GRAPHS) -> Any:  # noqa: ANN401  (any PyG batch)
    """Return a batch of a share of the graphs of a batch, at equal steps.

    Args:
        batch: the batch. What is no batch of graphs that PyG can take apart stays whole.
        share: how many of its graphs to keep, between 0 and 1, rounded up.
        least: how many are kept at least.
    """
    from torch_geometric.data import Batch

    if not isinstance(batch, Batch) or not hasattr(batch, "_slice_dict"):
        return batch
    graphs = batch.num_graphs
    kept = max(math.ceil(share * graphs), least)
    if kept >= graphs:
        return batch
    chosen = torch.linspace(0, graphs - 1, kept).round().long()
    return Batch.from_data_list(batch.index_select(chosen))
