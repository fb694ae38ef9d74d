"""What guessing gets: the same prediction for every graph, the best that the targets alone give.

Of a number that is its median over the training part, which of all constants has the least mean
absolute error there; of a label its base rate, the share of ones, which has the least
cross-entropy. A constant ranks nothing, so its ROC-AUC is 0.5 by definition, and its accuracy is
that of the label that is the more frequent one in training. A model that does no better has learnt
nothing that helps, whatever its numbers look like.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from edgescope.train.units import Standardisation

Array = NDArray[np.float64]

CHANCE = 0.5
"""ROC-AUC of a constant prediction."""


def medians(y: Tensor) -> Array:
    """Return the median of the known values of every target ``[T]``; NaN where none is known.

    Args:
        y: targets of the training part ``[N, T]``, NaN where missing.
    """
    known = (column[~np.isnan(column)] for column in y.numpy().astype(np.float64).T)
    return np.array([np.median(each) if len(each) else np.nan for each in known])


def base_rates(y: Tensor) -> Array:
    """Return the share of ones among the known labels of every task ``[T]``; NaN for none."""
    known = (column[~np.isnan(column)] for column in y.numpy().astype(np.float64).T)
    return np.array([np.mean(each) if len(each) else np.nan for each in known])


def guessed(
    train: Tensor, y: Tensor, metric: str, scaling: Standardisation | None
) -> dict[str, float | None]:
    """Return what guessing gets on a part of the data, by the names that a trained model's has.

    Args:
        train: targets of the training part ``[N, T]``, NaN where missing.
        y: targets of the part ``[M, T]``, NaN where missing.
        metric: that the model is judged by, ``"mae"`` or ``"roc_auc"``.
        scaling: how the targets were standardised, which decides the unit of the loss.

    Returns:
        ``loss`` with ``mae``, or with ``roc_auc`` and ``accuracy``; None for what is undefined: all
        if no target is known, the loss if a label occurs that does not in training.
    """
    truth = y.numpy().astype(np.float64)
    if metric == "mae":
        error = np.abs(truth - medians(train))
        several = scaling is not None and len(scaling.deviation) > 1
        unit = np.array(scaling.deviation) if scaling is not None and several else 1.0
        return {"loss": _mean(error / unit), "mae": _mean(error)}
    rate = np.clip(base_rates(train), 0, 1)
    with np.errstate(divide="ignore"):
        nats = -np.log(np.where(truth == 1, rate, 1 - rate))
    right = np.where(np.isnan(truth), np.nan, truth == (rate > CHANCE))
    return {
        "loss": _mean(np.where(np.isnan(truth), np.nan, nats)),
        "roc_auc": CHANCE if not np.isnan(truth).all() else None,
        "accuracy": _mean(right),
    }


def _mean(numbers: Array) -> float | None:
    known = numbers[~np.isnan(numbers)]
    mean = float(known.mean()) if known.size else np.nan
    return mean if np.isfinite(mean) else None
