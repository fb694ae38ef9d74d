"""Edge types at random, which takes the information out of them."""

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from edgescope.data.directions import batched_edges, reverse_edges
from edgescope.data.graphs import GraphDataset

Draw = Literal["uniform", "frequencies"]
"""Whether random types are equally likely, or as likely as they are frequent."""


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
