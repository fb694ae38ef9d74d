"""How often edges of a group are massive, and the odds against other edges, with intervals."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.edges.directions import edge_graphs
from edgescope.data.graphs import GraphDataset
from edgescope.interpret.kinds import Kind
from edgescope.statistics.bootstrap import Bootstrap, bootstrap

Array = NDArray[np.float64]

MAX_CLUSTERS = 1000
"""Groups of graphs that are resampled; more graphs than these share groups, which costs nothing in
precision and keeps the resampling quick."""

HALDANE = 0.5
"""Added to all four counts of an odds ratio if one of them is 0 (Haldane, Ann. Hum. Genet. 20,
1956; Anscombe, Biometrika 43, 1956)."""


def cluster(dataset: GraphDataset) -> tuple[Tensor, int]:
    """Return for every edge the group of graphs that is resampled with it ``[E]``, and how many."""
    clusters = min(len(dataset), MAX_CLUSTERS)
    return edge_graphs(dataset) % max(clusters, 1), clusters


def sums(values: Tensor, of: Tensor, clusters: int) -> NDArray[np.float64]:
    """Add the values of edges ``[E, K]`` by cluster ``[clusters, K]``."""
    total = torch.zeros(clusters, values.size(1), dtype=torch.float64)
    return total.index_add_(0, of, values.double()).numpy()


def prevalence(
    dataset: GraphDataset, kinds: Sequence[Kind], massive: Tensor, *, resamples: int, seed: int
) -> Bootstrap:
    """Return prevalence and odds ratio of every group, resampling graphs.

    The odds ratio compares the edges of a group with those of all other edges of which its kind can
    be told.

    Args:
        dataset: whose edges they are.
        kinds: the ``K`` groups, of several kinds.
        massive: which edges are massive ``[E]``, bool.
        resamples: how many times graphs are drawn.
        seed: start of the draws; the same graphs are drawn for every site.

    Returns:
        Estimates and intervals ``[K, 2]``, prevalence and odds ratio, NaN where there is none. A
        prevalence of 0 or 1 in the data has no interval: it is the same in every resample. Nor has
        an odds ratio with a count of 0.
    """
    counts = np.concatenate([_counts(dataset, kind, massive) for kind in kinds], axis=1)
    found = bootstrap(counts, _measures, generator=np.random.default_rng(seed), resamples=resamples)
    cells = four_cells(counts.sum(0))
    # Without a massive edge, or with nothing else, resamples do not vary.
    fixed = np.stack([(cells[:, :2] == 0).any(-1), (cells == 0).any(-1)], axis=-1)
    low, high = (np.where(fixed, np.nan, end) for end in (found.low, found.high))
    return replace(found, low=low, high=high)


def _counts(dataset: GraphDataset, kind: Kind, massive: Tensor) -> Array:
    """Return by cluster what :func:`four_cells` takes ``[clusters, G, 4]``."""
    of, clusters = cluster(dataset)
    over, applicable = massive.unsqueeze(1), kind.applicable.unsqueeze(1)
    size = (clusters, len(kind.names))
    columns = [
        sums(over & kind.member, of, clusters),
        sums(kind.member, of, clusters),
        np.broadcast_to(sums(over & applicable, of, clusters), size),
        np.broadcast_to(sums(applicable, of, clusters), size),
    ]
    return np.stack(columns, axis=-1)


def four_cells(counts: Array) -> Array:
    """Return the 2 x 2 table ``[..., 4]``: massive and not in the group, massive and not beside it.

    Args:
        counts: massive edges of the group, its edges, massive edges of all, all edges ``[..., 4]``.
    """
    over, edges, all_over, all_edges = np.moveaxis(counts, -1, 0)
    rest_over = all_over - over
    return np.stack([over, edges - over, rest_over, all_edges - edges - rest_over], axis=-1)


def _measures(counts: Array) -> Array:
    """Return prevalence and odds ratio ``[R, G, 2]`` of counts ``[R, G, 4]``."""
    cells = four_cells(counts)
    corrected = cells + HALDANE * (cells == 0).any(-1, keepdims=True)
    odds = corrected[..., 0] * corrected[..., 3] / (corrected[..., 1] * corrected[..., 2])
    compared = (cells[..., :2].sum(-1) > 0) & (cells[..., 2:].sum(-1) > 0)
    with np.errstate(invalid="ignore"):
        share = counts[..., 0] / counts[..., 1]
    return np.stack([share, np.where(compared, odds, np.nan)], axis=-1)
