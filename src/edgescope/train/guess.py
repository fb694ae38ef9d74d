"""What guessing gets, and whether a trained model is better than that.

The guess is the same prediction for every graph, the best that the targets alone give. Of a
number that is its median over the training part, which of all constants has the least mean
absolute error there; of a label its base rate, the share of ones, which has the least
cross-entropy; of a class the most frequent one. A constant ranks nothing, so its ROC-AUC is 0.5 by
definition, and its accuracy is that of the label that is the more frequent one in training. A model
that does no better has learnt nothing that helps, whatever its numbers look like.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.statistics.bootstrap import (
    MIN_GROUPS,
    RESAMPLES,
    percentile_interval,
    resampling_weights,
)
from edgescope.statistics.ranks import roc_area
from edgescope.train.standardisation import Standardisation

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


def known_rows(target: Tensor) -> Tensor:
    """Say which graphs or nodes have a known target ``[N]``.

    Args:
        target: ``[N, T]``, NaN where one is missing, or classes ``[N]`` int64, -1 where missing.
    """
    return ~target.isnan().all(dim=1) if target.is_floating_point() else target >= 0


def most_frequent(y: Tensor) -> Array:
    """Return the class that is the most frequent one ``[1]``.

    Args:
        y: classes of the training part ``[N]``, -1 where missing.
    """
    return np.array([float(torch.bincount(y[known_rows(y)]).argmax())])


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
        metric: that the model is judged by, ``"mae"``, ``"roc_auc"`` or ``"accuracy"``, for which
            targets are classes ``[N]`` and ``[M]``, -1 where missing.
        scaling: how the targets were standardised, which decides the unit of the loss.

    Returns:
        ``loss`` with ``mae``, with ``roc_auc`` and ``accuracy``, or with ``accuracy``; None for
        what is undefined: all if no target is known, the loss if a label occurs that does not in
        training.
    """
    if metric == "accuracy":
        known, seen = y[known_rows(y)], train[known_rows(train)]
        counts = torch.bincount(seen, minlength=int(known.max()) + 1 if len(known) else 0)
        with np.errstate(divide="ignore"):
            nats = -np.log((counts / counts.sum()).numpy().astype(np.float64))
        right = (known == int(most_frequent(train)[0])).numpy().astype(np.float64)
        return {"loss": _mean(nats[known.numpy()]), "accuracy": _mean(right)}
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


RELATIVE = "relative_mae"
"""The mean over several targets, which differ in unit, of the MAE over that of guessing."""

_MANY, _FEWER = 1_000_000, 200

_BLOCK = 2**21
"""Numbers of resampled weights that are held at a time."""


def judge(
    prediction: Tensor,
    target: Tensor,
    train: Tensor,
    *,
    metric: str,
    names: Sequence[str],
    units: Sequence[str] = (),
    seed: int = 0,
    resamples: int | None = None,
) -> dict[str, Any]:
    """Compare predictions with guessing on the same graphs.

    The interval of the difference is from resampling graphs (or the nodes of one large graph, as
    if they were independent), model and guess together. The model is better than guessing if the
    interval leaves out zero on the better side.

    Args:
        prediction: predictions ``[N, T]``: numbers in the unit of the targets, or logits; of
            classes their logits ``[N, C]``.
        target: targets ``[N, T]``, NaN where missing; classes ``[N]``, all known.
        train: targets of the training part ``[M, T]``, NaN where missing; classes ``[M]``, -1
            where missing.
        metric: ``"mae"``, ``"roc_auc"`` or, of classes, ``"accuracy"``.
        names: of the ``T`` targets.
        units: of the targets, empty texts where they are not known.
        seed: of the resampling.
        resamples: their number; by default 1,000, and 200 for more than a million targets, whose
            intervals are narrow in any case and would take minutes.

    Returns:
        In plain values, None for what is undefined: ``metric`` (``"relative_mae"`` for numbers in
        several targets, whose units differ: the MAE over that of guessing, averaged), ``value``,
        ``guess``, ``difference`` (value less guess), ``low`` and ``high`` (95 % interval of the
        difference; none for fewer than 8 graphs), ``better`` (true or false; None if that cannot
        be told for want of graphs), and ``targets``: a row for each with ``target``, ``unit``,
        ``known`` (number of known targets), with labels ``positives`` and ``negatives``, and the
        same numbers.
    """
    if metric == "accuracy":
        prediction, target = prediction.argmax(1, keepdim=True), target.reshape(-1, 1)
    scores, truth = (each.numpy().astype(np.float64) for each in (prediction, target))
    some = ~np.isnan(truth).all(axis=1)
    scores, truth = scores[some], truth[some]
    if resamples is None:
        resamples = RESAMPLES if truth.size <= _MANY else _FEWER
    guess = most_frequent(train) if metric == "accuracy" else medians(train)
    model, constant = _metrics(scores, truth, guess, metric, np.ones((1, len(truth))))
    drawn = [np.empty((0, truth.shape[1]))] * 2
    if len(truth) >= MIN_GROUPS:
        drawn = _resampled(scores, truth, guess, metric, seed, resamples)
    sign = -1 if metric == "mae" else 1
    rows = []
    for column, name in enumerate(names):
        labels = truth[:, column]
        known = int((~np.isnan(labels)).sum())
        counts = {"known": known}
        if metric == "roc_auc":
            counts |= {f"{what}s": int((labels == label).sum()) for what, label in _LABELS}
        estimate = _compared(
            model[0, column],
            constant[0, column],
            drawn[0][:, column] - drawn[1][:, column],
            known,
            sign,
        )
        unit = units[column] if column < len(units) else ""
        rows.append({"target": name, "unit": unit, **counts, **estimate})
    whole = rows[0]
    called = metric
    if len(rows) > 1:
        level, several = CHANCE, (model, drawn[0])
        if metric == "mae":
            level, called = 1.0, RELATIVE
            several = (_over(model, constant), _over(drawn[0], drawn[1]))
        value, draws = map(_mean_of_known, several)
        whole = _compared(value[0], level, draws - level, len(truth), sign)
    return {"metric": called} | {key: whole[key] for key in _KEYS} | {"targets": rows}


_LABELS = (("positive", 1), ("negative", 0))

_KEYS = ("value", "guess", "difference", "low", "high", "better")


def _metrics(
    scores: Array, truth: Array, guess: Array, metric: str, weights: Array
) -> tuple[Array, Array]:
    """Return the metric of the model and of guessing ``[R, T]`` for weighted rows ``[R, N]``."""
    known = ~np.isnan(truth)
    if metric == "roc_auc":
        area = [
            roc_area(scores[held, task], truth[held, task], weights[:, held])[:, 0]
            for task, held in enumerate(known.T)
        ]
        model = np.stack(area, axis=1)
        return model, np.where(np.isnan(model), np.nan, CHANCE)
    with np.errstate(divide="ignore", invalid="ignore"):
        count = weights @ known
        apart = (np.abs(each - truth) for each in (scores, guess))
        of_rows = (each == 0 for each in apart) if metric == "accuracy" else apart
        model, constant = ((weights @ np.where(known, each, 0)) / count for each in of_rows)
    return model, constant


def _resampled(
    scores: Array, truth: Array, guess: Array, metric: str, seed: int, resamples: int
) -> list[Array]:
    """Return the metric of the model and of guessing of every resample ``[R, T]``."""
    generator = np.random.default_rng((seed, len(truth)))
    size = max(1, _BLOCK // len(truth))
    found = []
    for start in range(0, resamples, size):
        weights = resampling_weights(len(truth), min(size, resamples - start), generator)
        found.append(_metrics(scores, truth, guess, metric, weights))
    return [np.concatenate(each) for each in zip(*found, strict=True)]


def _compared(
    value: float, guess: float, differences: Array, known: int, sign: int
) -> dict[str, Any]:
    """Say how far a metric is from that of guessing, and whether it is better beyond chance.

    Args:
        value: of the model.
        guess: of guessing.
        differences: of every resample ``[R]``.
        known: how many graphs the metric is of.
        sign: 1 if a higher metric is better, else -1.
    """
    difference, low, high = value - guess, np.nan, np.nan
    if known >= MIN_GROUPS and len(differences):
        low, high = map(float, percentile_interval(differences, known))
    better: bool | None = None
    if sign * difference <= 0 or np.isinf(difference):
        better = False
    elif not np.isnan([difference, low, high]).any():
        better = bool((low if sign > 0 else -high) > 0)
    numbers = {"value": value, "guess": guess, "difference": difference, "low": low, "high": high}
    return {name: _plain(number) for name, number in numbers.items()} | {"better": better}


def _over(model: Array, guess: Array) -> Array:
    """Return the error over that of guessing ``[R, T]``; NaN where guessing makes none."""
    ratio: Array = model / np.where(guess > 0, guess, np.nan)
    return ratio


def _mean_of_known(numbers: Array) -> Array:
    """Return the mean over targets ``[R]`` of numbers ``[R, T]``, of those that are defined."""
    defined = ~np.isnan(numbers)
    count = defined.sum(axis=1)
    mean: Array = np.where(defined, numbers, 0).sum(axis=1) / np.where(count > 0, count, np.nan)
    return mean


def _plain(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
