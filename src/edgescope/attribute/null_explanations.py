"""Importances of graphs in which nothing is the reason: they should single out no edge."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from edgescope.attribute.bonds import Floats
from edgescope.attribute.levels import Level, units
from edgescope.data.edges.directions import edge_graphs
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError
from edgescope.statistics.bootstrap import Mean, mean_over_graphs

FENCE = 1.5
"""Interquartile ranges beyond the quartiles at which a bond stands out (Tukey, Exploratory Data
Analysis, 1977, section 2D)."""


@dataclass(frozen=True, eq=False)
class NullScores:
    """How evenly importances lie on graphs in which no edge is the reason.

    Attributes:
        even: share of the bonds of every graph that do not stand out ``[G]``; NaN where a bond is
            true, nothing is known, or there are fewer than four bonds.
        graphs: graphs in which no bond is true.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("motif", 40).test
        >>> flat = graphs.edge_attr.float() * 0
        >>> found = es.attribute.on_null_explanations(flat, graphs)
        >>> found.even.shape == (len(graphs),)
        True
    """

    even: Floats
    graphs: int

    def mean(self, seed: int = 0) -> Mean:
        """Return the mean over graphs, with its 95 % interval."""
        return mean_over_graphs(self.even, seed=seed)


def on_null_explanations(
    importance: Tensor, dataset: GraphDataset, *, level: Level = "link"
) -> NullScores:
    """Score importances where the truth is that no edge matters.

    Such a graph has no true bond in any of its alternatives, and is left out of
    :func:`edgescope.attribute.against_truth`. A bond stands out if its importance lies more than
    1.5 interquartile ranges beyond the quartiles of its graph: equal importances have a score of 1.

    Args:
        importance: of every directed edge ``[E]``.
        dataset: graphs with ``edge_truth`` ``[E, A]``, 0 throughout where nothing is the reason.
        level: of what none should stand out, see
            :func:`~edgescope.attribute.truth.against_truth`.

    Raises:
        InputError: if the data set has no truth, an importance is NaN, or there is no such level.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> from dataclasses import replace
        >>> graphs = es.data.planted("marked", 60).test
        >>> nothing = replace(graphs, edge_truth=torch.zeros_like(graphs.edge_truth))
        >>> found = es.attribute.on_null_explanations(torch.ones(len(graphs.edge_attr)), nothing)
        >>> found.graphs == len(graphs), float(found.even[0])
        (True, 1.0)
    """
    truth = dataset.edge_truth
    if truth is None:
        raise InputError(
            f"{dataset.name} does not say which edges matter (edge_truth is None), so it is not "
            "known in which graphs nothing does"
        )
    of = units(dataset, level)
    values = of.merged(importance)
    edge_graph = edge_graphs(dataset).numpy()
    told, true = (
        np.bincount(edge_graph, (found).any(1).numpy(), len(dataset))
        for found in (~truth.isnan(), truth > 0)
    )
    null = (told > 0) & (true == 0)
    even = np.full(len(dataset), np.nan)
    for graph in np.flatnonzero(null & (of.count >= 4)):  # noqa: PLR2004  (quartiles need four)
        start = int(np.searchsorted(of.graph, graph))
        own = values[start : start + int(of.count[graph])]
        low, high = np.quantile(own, [0.25, 0.75])
        room = FENCE * (high - low)
        even[graph] = ((own >= low - room) & (own <= high + room)).mean()
    return NullScores(even, int(null.sum()))
