"""What a model is judged by: the one place that says which metric, and what is known of it.

The targets decide the metric. A recipe's loss says what the targets are, so that a run folder
whose ``metrics.json`` does not name its metric is judged by that of its loss.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from edgescope.lib.errors import InputError

Task = Literal["regression", "labels", "classes"]
"""What is predicted: numbers; labels 0 and 1 of one or several tasks; one of several classes."""

METRICS: dict[Task, str] = {"regression": "mae", "labels": "roc_auc", "classes": "accuracy"}
"""The metric that a model is judged by, for each kind of task."""

TASK_OF: dict[str, Task] = {
    "l1": "regression",
    "masked_bce": "labels",
    "cross_entropy": "classes",
}
"""What a model predicts that was trained with a loss."""


class Metric(NamedTuple):
    """A number that says how good predictions are."""

    name: str
    """What files and options call it."""
    words: str
    """What people read."""
    higher_is_better: bool
    in_unit: bool = False
    """Whether it has the unit of the targets."""

    def show(self, value: float, unit: str = "") -> str:
        """Write a value for people, with the unit of the targets if the metric has it."""
        return f"{written(value)}{f' {unit}' if unit and self.in_unit else ''}"


def written(value: float) -> str:
    """Write a number with four decimals, or four digits if it is very small or large.

    Example:
        >>> written(0.5), written(0.000123456), written(138279.3)
        ('0.5000', '0.0001235', '1.383e+05')
    """
    plain = value == 0 or _SMALL <= abs(value) < _LARGE
    return f"{value:.4f}" if plain else f"{value:.4g}"


_SMALL, _LARGE = 0.01, 10_000


KNOWN = {
    metric.name: metric
    for metric in (
        Metric("mae", "MAE", higher_is_better=False, in_unit=True),
        Metric("roc_auc", "ROC-AUC", higher_is_better=True),
        Metric("accuracy", "accuracy", higher_is_better=True),
        Metric("bce", "cross-entropy", higher_is_better=False),
        Metric("loss", "loss", higher_is_better=False),
    )
}
"""Every metric by its name. ``bce`` is the mean binary cross-entropy of logits in nats; ``loss``
is what a recipe trains with, for runs that are known to have no other."""


def known_metric(name: object) -> Metric:
    """Return a metric by its name.

    Raises:
        InputError: if there is none.
    """
    found = KNOWN.get(name) if isinstance(name, str) else None
    if found is None:
        raise InputError(f"unknown metric {name!r}, expected one of {', '.join(KNOWN)}")
    return found


def metric_of_loss(loss: str) -> Metric:
    """Return the metric that a model is judged by which was trained with a loss.

    Raises:
        InputError: if there is no such loss.

    Example:
        >>> metric_of_loss("masked_bce").words
        'ROC-AUC'
    """
    if loss not in TASK_OF:
        raise InputError(f"unknown loss {loss!r}, expected one of {', '.join(TASK_OF)}")
    return KNOWN[METRICS[TASK_OF[loss]]]


def metric_of_run(
    metrics: Mapping[str, Any] | None, loss: str | None, part: str = "test"
) -> Metric:
    """Return the metric that a run is judged by.

    Args:
        metrics: as in ``metrics.json`` of a run folder; its ``metric`` decides.
        loss: the recipe's loss, which decides for runs whose ``metrics.json`` has no ``metric``.
            None if it is not known; then it must be clear from what was measured.
        part: of the data on which it was measured, ``"test"`` or ``"val"``.

    Raises:
        InputError: if ``metric`` is none, or nothing says which it is.
    """
    found = metrics or {}
    if "metric" in found:
        return known_metric(found["metric"])
    if loss is not None:
        return metric_of_loss(loss)
    measured = [name for name in METRICS.values() if f"{part}_{name}" in found]
    if "roc_auc" in measured:  # beside which stands an accuracy
        measured = [name for name in measured if name != "accuracy"]
    if len(measured) > 1:
        raise InputError(
            f"nothing says which of {', '.join(measured)} the run is judged by; name it as "
            "'metric' in its metrics.json"
        )
    return KNOWN[measured[0] if measured else "loss"]
