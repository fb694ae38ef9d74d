"""Metrics of predictions, for all graphs and for every bootstrap resample of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgescope.intervene.replay import Outputs
from edgescope.lib.errors import InputError
from edgescope.lib.task_metrics import KNOWN
from edgescope.statistics.bootstrap import (
    MIN_GROUPS,
    RESAMPLES,
    percentile_interval,
    resampling_weights,
)
from edgescope.statistics.effects import Estimate
from edgescope.statistics.ranks import roc_area

Array = NDArray[np.float64]

LOWER_IS_BETTER = {
    name: not KNOWN[name].higher_is_better for name in ("mae", "bce", "roc_auc", "accuracy")
}
"""Metrics by name: mean absolute error, mean binary cross-entropy of logits in nats, area under
the ROC curve averaged over tasks, and share of the classes that are right."""


class Sample(NamedTuple):
    """A number, and the same of every resample of the graphs."""

    value: float
    resamples: Array
    """``[R]``, in the same order for all numbers."""

    def minus(self, other: "Sample") -> "Sample":
        """Return the difference, paired by resample."""
        return Sample(self.value - other.value, self.resamples - other.resamples)


def mean_of(samples: list[Sample]) -> Sample:
    """Return the mean of several numbers, resample by resample."""
    return Sample(
        float(np.mean([each.value for each in samples])),
        np.mean([each.resamples for each in samples], axis=0),
    )


class Scorer:
    """Scores predictions of the same graphs again and again.

    Predictions that are not finite in the model as it is are left out of everything.

    Args:
        outputs: what the model predicts as it is, and what is known.
        metric: name of the metric, one of :data:`LOWER_IS_BETTER`; ``None`` for none.
        seed: decides the resamples.
        resamples: how many there are.

    Attributes:
        outputs: what it was given, with NaN in place of what is left out.
        left_out: how many predictions that are.

    Raises:
        InputError: if there is no such metric, no targets of the shape that it needs, or nothing
            finite.
    """

    def __init__(
        self, outputs: Outputs, metric: str | None, seed: int, resamples: int = RESAMPLES
    ) -> None:
        if metric is not None and metric not in LOWER_IS_BETTER:
            raise InputError(
                f"unknown metric {metric!r}, expected one of {', '.join(LOWER_IS_BETTER)}"
            )
        self.metric = metric
        self.graphs = int(outputs.graph.max()) + 1 if len(outputs.graph) else 0
        self._graph = outputs.graph
        self._finite = np.isfinite(outputs.prediction).all(axis=1, keepdims=True)  # [N, 1]
        self.left_out = int((~self._finite).sum())
        if self.left_out:
            outputs = self._without(outputs)
        self.outputs = outputs
        generator = np.random.default_rng((seed, self.graphs))
        self._weights = resampling_weights(self.graphs, resamples, generator)  # [R, G]
        self._target = None if metric is None else _targets(outputs, metric)

    def score(self, prediction: Array) -> Sample | None:
        """Return the metric of predictions ``[N, T]``; ``None`` without a metric."""
        if self._target is None:
            return None
        if self.metric == "roc_auc":
            whole = np.ones((1, self.graphs))
            return Sample(
                float(self._auc(prediction, whole)[0]), self._auc(prediction, self._weights)
            )
        with np.errstate(invalid="ignore"):
            error, known = _errors(prediction, self._target, str(self.metric))
        return self._mean(error, known)

    def moved(self, prediction: Array) -> Sample:
        """Return the mean absolute change of predictions ``[N, T]`` against the model as it is."""
        return self.apart(prediction, self.outputs.prediction)

    def apart(self, prediction: Array, other: Array) -> Sample:
        """Return the mean absolute difference of two sets of predictions ``[N, T]``."""
        change = np.abs(self.change(prediction, other))
        return self._mean(change, np.broadcast_to(self._finite, change.shape).astype(np.float64))

    def change(self, prediction: Array, other: Array) -> Array:
        """Return predictions minus others ``[N, T]``; 0 where one is left out."""
        with np.errstate(invalid="ignore"):
            return np.where(self._finite, prediction - other, 0.0)

    def lost(self, prediction: Array) -> int:
        """Return how many predictions ``[N, T]`` are not finite, and are in the model as it is."""
        return int((self._finite & ~np.isfinite(prediction)).any(axis=1).sum())

    def interval(self, sample: Sample) -> Estimate:
        """Return the bootstrap interval over graphs; none with fewer than 8 graphs."""
        if self.graphs < MIN_GROUPS:
            return Estimate(sample.value)
        low, high = percentile_interval(sample.resamples, self.graphs)
        return Estimate(sample.value, float(low), float(high))

    def _without(self, outputs: Outputs) -> Outputs:
        """Return outputs with NaN for what is left out, in predictions and in their targets."""
        if not self._finite.any():
            raise InputError(
                "the model predicts nothing finite, so there is nothing to compare with; "
                "es.diagnose says where it becomes infinite"
            )
        prediction = np.where(self._finite, outputs.prediction, np.nan)
        target = outputs.target
        if target is not None and len(target) == len(prediction):
            finite = self._finite.reshape(-1, *[1] * (target.ndim - 1))
            target = np.where(finite, target, np.nan)
        return outputs._replace(prediction=prediction, target=target)

    def _mean(self, numbers: Array, known: Array) -> Sample:
        """Return the mean of known numbers ``[N, T]``, resampled by graph."""
        total, count = (
            np.bincount(self._graph, weights=each.sum(1), minlength=self.graphs).astype(np.float64)
            for each in (numbers, known)
        )
        return self.ratio(total, count)

    def ratio(self, total: Array, count: Array) -> Sample:
        """Return the sum of one number of every graph ``[G]`` over that of another ``[G]``."""
        with np.errstate(invalid="ignore"):
            return Sample(
                float(total.sum() / count.sum()), (self._weights @ total) / (self._weights @ count)
            )

    def _auc(self, prediction: Array, weights: Array) -> Array:
        """Return the area under the ROC curve ``[R]``, averaged over tasks that have one."""
        assert self._target is not None
        areas = []
        for scores, labels in zip(prediction.T, self._target.T, strict=True):
            known = ~np.isnan(labels)
            rows = weights[:, self._graph[known]]
            areas.append(roc_area(scores[known], labels[known], rows)[:, 0])
        found = np.array(areas)
        count = (~np.isnan(found)).sum(0)
        with np.errstate(invalid="ignore"):
            return np.where(count > 0, np.nansum(found, axis=0) / count, np.nan)


def _targets(outputs: Outputs, metric: str) -> Array:
    """Return targets ``[N, T]``, or of classes ``[N, 1]``."""
    target, prediction = outputs.target, outputs.prediction
    if target is None:
        raise InputError(f"the batches have no target y for the metric {metric!r}")
    target = target.reshape(len(target), -1)
    if metric == "accuracy":
        target = np.where(target < 0, np.nan, target)  # classes are missing as -1
    expected = (len(prediction), 1 if metric == "accuracy" else prediction.shape[1])
    if target.shape != expected:
        raise InputError(
            f"received targets {list(target.shape)} for predictions {list(prediction.shape)} and "
            f"the metric {metric!r}, expected targets {list(expected)}"
        )
    known = target[~np.isnan(target)]
    if not known.size:
        raise InputError("no batch has a known target y; pass data with targets, or metric='none'")
    if metric in {"roc_auc", "bce"} and not np.isin(known, (0, 1)).all():
        raise InputError(f"received targets other than 0, 1 and NaN for the metric {metric!r}")
    if metric == "roc_auc" and not any({0.0, 1.0} <= set(task) for task in target.T):
        raise InputError(
            "the known targets of every task are all 0 or all 1, so there is no area under the ROC "
            "curve; pass more graphs, metric='bce', or metric='none'"
        )
    return target


def _errors(prediction: Array, target: Array, metric: str) -> tuple[Array, Array]:
    """Return what the metric is the mean of, 0 where no target is known, and where one is."""
    known = ~np.isnan(target)
    truth = np.where(known, target, 0)
    if metric == "accuracy":
        found = (prediction.argmax(1)[:, None] == truth).astype(np.float64)
    elif metric == "mae":
        found = np.abs(prediction - truth)
    else:
        found = np.logaddexp(0, prediction) - truth * prediction
    return np.where(known, found, 0), known.astype(np.float64)
