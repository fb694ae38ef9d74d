"""What guessing would get: one prediction for all, made of the targets, or handed in."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgescope.intervene.replay import Outputs
from edgescope.lib.errors import InputError

Array = NDArray[np.float64]


def constant_prediction(
    outputs: Outputs, metric: str | None, guess: float | Sequence[float] | None
) -> Array:
    """Return the same prediction for every graph, the best that the targets alone give ``[N, T]``.

    Of numbers it is the median, of labels the logit of the share of ones, of classes the most
    frequent one; without a metric the median of the predictions themselves, so that what it moves
    is how far they are apart.

    Args:
        outputs: what the model predicts ``[N, T]``, and the targets.
        metric: name of the metric.
        guess: a prediction to take instead, a number or one of each of the ``T``; the number of
            the class for ``"accuracy"``.

    Raises:
        InputError: if it is not of that form.
    """
    prediction, target = outputs.prediction, outputs.target
    if metric == "accuracy":
        assert target is not None
        classes = target[target >= 0].astype(np.int64)  # one that is missing is -1 or NaN
        chosen = int(np.bincount(classes).argmax()) if guess is None else guess
        if not isinstance(chosen, int) or not 0 <= chosen < prediction.shape[1]:
            raise InputError(
                f"received guess={chosen!r}, expected one of the {prediction.shape[1]} classes"
            )
        found = np.zeros_like(prediction)
        found[:, chosen] = 1
        return found
    if guess is not None:
        given = np.asarray(guess, dtype=np.float64)
        if given.shape not in {(), (prediction.shape[1],)} or not np.isfinite(given).all():
            raise InputError(
                f"received guess={guess!r}, expected a number, or {prediction.shape[1]} of them"
            )
        return np.broadcast_to(given, prediction.shape).copy()
    of = prediction if metric is None or target is None else target.reshape(len(target), -1)
    with np.errstate(divide="ignore"):
        columns = [_centre(column[~np.isnan(column)], metric) for column in of.T]
    return np.broadcast_to(np.array(columns), prediction.shape).copy()


_LARGEST_LOGIT = 30.0
"""Of a label that every graph has: its cross-entropy is below 1e-13 nats."""


def _centre(known: Array, metric: str | None) -> float:
    if not len(known):
        return 0.0  # no target of the column counts
    if metric in {"bce", "roc_auc"}:
        rate = known.mean()
        return float(np.clip(np.log(rate) - np.log1p(-rate), -_LARGEST_LOGIT, _LARGEST_LOGIT))
    return float(np.median(known))
