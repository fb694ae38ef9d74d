"""The area under the ROC curve of weighted rows, for resamples of them."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def weighted_auc(scores: Array, labels: Array, weights: Array) -> Array:
    """Return the area under the ROC curve for several weightings of the rows.

    It is the share of pairs of a row with label 1 and a row with label 0 in which the first has
    the larger score, ties counted half (Mann and Whitney), each pair weighted by its product.

    Args:
        scores: ``[n]``, the larger the likelier the label 1.
        labels: ``[n]``, 0 or 1.
        weights: ``[R, n]``.

    Returns:
        ``[R]``; NaN where only one of the labels has weight, or a score is NaN.
    """
    if not len(scores) or np.isnan(scores).any():
        return np.full(len(weights), np.nan)
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    ones, zeros = (
        np.add.reduceat(weights[:, order] * which[order], starts, axis=1)
        for which in (labels, 1 - labels)
    )
    below = zeros.cumsum(1) - zeros / 2
    with np.errstate(invalid="ignore"):
        area: Array = (ones * below).sum(1) / (ones.sum(1) * zeros.sum(1))
    return area
