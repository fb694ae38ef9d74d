"""Do two lists of importances agree? Between trainings, between seeds, between methods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from edgescope.attribute.bonds import Bonds, Floats, bonds, places, share_of
from edgescope.data.graphs import GraphDataset
from edgescope.statistics.bootstrap import mean_of, mean_over_graphs
from edgescope.statistics.ranks import spearman

if TYPE_CHECKING:
    import polars as pl

TOP = 0.2
"""Share of the bonds of a graph that count as its most important."""


def rank_correlation(first: Tensor, second: Tensor, dataset: GraphDataset) -> Floats:
    """Return Spearman's rank correlation of two importances, of every graph ``[G]``.

    Over bonds, each with the mean of its directions; equal importances share a rank. NaN where it
    is undefined: for fewer than two bonds, and where either importance is the same for all bonds.

    Args:
        first: importance of every directed edge ``[E]``.
        second: the same from another training, seed or method.
        dataset: the graphs.

    Raises:
        InputError: if an importance is NaN.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> weight = graphs.edge_attr.float()
        >>> found = es.attribute.rank_correlation(weight, -weight, graphs)
        >>> found.shape == (len(graphs),)
        True
    """
    of = bonds(dataset)
    return _correlation(of.merged(first), of.merged(second), of)


def top_overlap(
    first: Tensor, second: Tensor, dataset: GraphDataset, *, top: float = TOP, seed: int = 0
) -> Floats:
    """Return which share of the most important bonds two importances have in common ``[G]``.

    Args:
        first: importance of every directed edge ``[E]``.
        second: the same from another training, seed or method.
        dataset: the graphs.
        top: share of the bonds of a graph that is compared, at least one bond.
        seed: decides between equal importances, in the same way for both.

    Returns:
        A number from 0 to 1; by chance it is about ``top``. NaN for a graph without bonds.

    Raises:
        InputError: if an importance is NaN.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> weight = graphs.edge_attr.float()
        >>> found = es.attribute.top_overlap(weight, weight, graphs, top=0.2)
        >>> float(found.min())
        1.0
    """
    of = bonds(dataset)
    return _overlap(of.merged(first), of.merged(second), of, top, seed)


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far several importances of the same edges agree.

    Attributes:
        correlation: Spearman's rank correlation of every graph ``[G]``, mean over pairs; NaN
            where no pair has one.
        overlap: overlap of the most important bonds of every graph ``[G]``, mean over pairs.

    Example:
        >>> import edgescope as es
        >>> from edgescope.attribute import agreement
        >>> graphs = es.data.planted("marked", 60).test
        >>> first = graphs.edge_attr.float()
        >>> found = agreement([first, 2 * first], graphs)
        >>> bool((found.overlap == 1).all())
        True
    """

    correlation: Floats
    overlap: Floats


def agreement(
    importances: Sequence[Tensor], dataset: GraphDataset, *, top: float = TOP, seed: int = 0
) -> Agreement:
    """Compare importances of several trainings or seeds, each with each.

    Args:
        importances: of every directed edge ``[E]`` each.
        dataset: the graphs.
        top: share of the bonds of a graph whose overlap counts.
        seed: decides between equal importances, in the same way for all.

    Returns:
        See :func:`rank_correlation` and :func:`top_overlap`; NaN throughout for a single one.

    Raises:
        InputError: if an importance is NaN.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> seeds = [torch.rand(len(graphs.edge_attr)) for _ in range(3)]
        >>> es.attribute.agreement(seeds, graphs).correlation.shape == (len(graphs),)
        True
    """
    of = bonds(dataset)
    values = [of.merged(each) for each in importances]
    pairs = list(combinations(values, 2))
    return Agreement(
        mean_of([_correlation(*pair, of) for pair in pairs], len(dataset)),
        mean_of([_overlap(*pair, of, top, seed) for pair in pairs], len(dataset)),
    )


def between_methods(importances: Mapping[str, Tensor], dataset: GraphDataset) -> "pl.DataFrame":
    """Return the rank correlation of every two methods, mean over graphs: how far they agree.

    Args:
        importances: by method, of every directed edge ``[E]``.
        dataset: the graphs.

    Returns:
        A column ``method``, and one for every method. Null where no graph has a correlation, as
        for importances that are the same for all edges of a graph.

    Raises:
        InputError: if an importance is NaN.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.attribute.importances(model, graphs, ["degree", "random"])
        >>> edges = {name: each.edge for name, each in found.items()}
        >>> es.attribute.between_methods(edges, graphs).columns
        ['method', 'degree', 'random']
    """
    import polars as pl

    of = bonds(dataset)
    values = {name: of.merged(each) for name, each in importances.items()}
    rows = [
        {"method": name}
        | {
            other: mean_over_graphs(_correlation(one, two, of)).value
            for other, two in values.items()
        }
        for name, one in values.items()
    ]
    return pl.DataFrame(rows).fill_nan(None)


def _correlation(first: Floats, second: Floats, of: Bonds) -> Floats:
    return spearman(first, second, of.graph, of.graphs)


def _overlap(first: Floats, second: Floats, of: Bonds, top: float, seed: int) -> Floats:
    number = np.maximum(share_of(top, of.count), 1)
    tops = [places(values, of, seed) < number[of.graph] for values in (first, second)]
    common = np.bincount(of.graph, tops[0] & tops[1], of.graphs)
    return np.where(of.count > 0, common / number, np.nan)
