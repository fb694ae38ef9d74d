"""Importances against what is known to matter."""

from dataclasses import dataclass
from warnings import warn

import numpy as np
from torch import Tensor

from edgescope.attribute.bonds import Bools, Floats, Ints
from edgescope.attribute.levels import Level, units
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError
from edgescope.statistics.bootstrap import Mean, mean_over_graphs
from edgescope.statistics.ranks import ordered, roc_area


@dataclass(frozen=True, eq=False)
class TruthScores:
    """How well importances tell the true edges of every graph from the others.

    Attributes:
        auroc: area under the ROC curve of every graph ``[G]``; NaN where it is left out.
        average_precision: average precision of every graph ``[G]``; NaN where it is left out.
        without_truth: graphs left out because nothing is known of them.
        one_sided: graphs left out because all of their edges are true, or none.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> found = es.attribute.against_truth(graphs.edge_truth[:, 0], graphs)
        >>> found.auroc.shape == (len(graphs),), found.without_truth
        (True, 0)
    """

    auroc: Floats
    average_precision: Floats
    without_truth: int
    one_sided: int

    def mean(self, metric: str = "auroc", seed: int = 0) -> Mean:
        """Return the mean of ``"auroc"`` or ``"average_precision"`` over graphs, with interval."""
        values: Floats = getattr(self, metric)
        return mean_over_graphs(values, seed=seed)


def against_truth(
    importance: Tensor,
    dataset: GraphDataset,
    *,
    level: Level = "link",
    both_directions: bool | None = None,
) -> TruthScores:
    """Compare importances with the edges that are known to matter, graph by graph.

    Area under the ROC curve and average precision are those of scikit-learn's ``roc_auc_score``
    and ``average_precision_score``: equal importances count half in the area, and enter the
    precision together. Where several explanations are equally valid, each metric is that of the
    one which it is best for (Sanchez-Lengeling et al., Evaluating attribution for graph neural
    networks, NeurIPS 2020); by that, importances at random come to more than 0.5.

    Args:
        importance: of every directed edge ``[E]``, aligned with ``dataset``.
        dataset: graphs with ``edge_truth`` ``[E, A]``.
        level: what counts once: a ``"link"``, with the mean of its directions, true if either is;
            every directed ``"edge"``; or a ``"node"`` that has an edge, with the mean of its edges,
            true if one of them is.
        both_directions: what ``level="edge"`` was called.

    Raises:
        InputError: if the data set has no truth, an importance is NaN, or there is no such level.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> found = es.attribute.against_truth(graphs.edge_truth[:, 0], graphs)  # the truth itself
        >>> float(found.auroc.mean())
        1.0
    """
    truth = dataset.edge_truth
    if truth is None:
        raise InputError(
            f"{dataset.name} does not say which edges matter (edge_truth is None), expected such "
            "as the planted graphs; judge by fidelity instead"
        )
    if both_directions is not None:
        level = "edge" if both_directions else "link"
        warn(f"both_directions= is now level={level!r}", DeprecationWarning, stacklevel=2)
    of = units(dataset, level)
    values = of.merged(importance)
    scores = np.full((2, max(truth.size(1), 1), len(dataset)), np.nan)
    known = np.zeros(len(dataset), dtype=bool)
    for column in range(truth.size(1)):
        told = ~truth[:, column].isnan()
        known[of.graph[of.any_direction(told)]] = True
        true = of.any_direction(truth[:, column] > 0)
        valid = of.any_direction(told)
        whole = np.bincount(of.graph[valid], minlength=len(dataset)) == of.count
        found = _auroc_and_precision(values, true, of.graph, len(dataset))
        scores[:, column] = np.where(whole, found, np.nan)
    best = np.fmax.reduce(scores, axis=1)
    left = np.isnan(best[0])
    return TruthScores(best[0], best[1], int((left & ~known).sum()), int((left & known).sum()))


def _auroc_and_precision(values: Floats, true: Bools, graph: Ints, graphs: int) -> Floats:
    """Return both numbers of every graph ``[2, G]``; NaN where all bonds are true, or none."""
    order, start, tie = ordered(-values, graph)  # the largest first
    hit = true[order]
    before = hit.cumsum() - hit
    hits = hit.cumsum() - before[start]  # of the bonds so far, how many are true
    last = np.ones(len(order), dtype=bool)
    last[:-1] = tie[1:] != tie[:-1]  # where equal values end
    precision = hits / (np.arange(len(order)) - start + 1.0)
    gained = np.bincount(tie, hit) if len(tie) else np.empty(0)
    where = graph[order]
    positive = np.bincount(graph, true, graphs)
    auroc = roc_area(values, true.astype(np.int64), None, graph, graphs)[0]
    with np.errstate(divide="ignore", invalid="ignore"):  # graphs that are left out
        average = np.bincount(where[last], gained * precision[last], graphs) / positive
    return np.stack([auroc, np.where(np.isnan(auroc), np.nan, average)])
