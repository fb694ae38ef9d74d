"""Which of a run's test metrics tables show, and which direction of it is better."""

from collections.abc import Mapping
from typing import Any

from edgescope.lib.task_metrics import KNOWN, known_metric, metric_of_run


def metric_of_test(
    metrics: Mapping[str, Any] | None, loss: str | None = None
) -> tuple[str, float] | None:
    """Return name and value of the metric that a run is judged by, on its test split.

    Args:
        metrics: as in ``metrics.json`` of a run folder; None for an untrained model.
        loss: of the run's recipe, which decides where the metrics do not name one.

    Returns:
        None if it was not measured, as for an untrained model or without a test split.
    """
    if metrics is None:
        return None
    name = metric_of_run(metrics, loss).name
    value = metrics.get(f"test_{name}")
    return None if value is None else (name, float(value))


def higher_is_better(name: str) -> bool:
    """Say whether a larger value of a metric is a better one.

    Raises:
        InputError: if there is no such metric.
    """
    plain = {known.replace("_", ""): known for known in KNOWN}  # some say rocauc
    return known_metric(plain.get(name.replace("_", ""), name)).higher_is_better


def show_metric(name: str, value: float) -> str:
    """Write a metric for people."""
    metric = known_metric(name)
    return f"test {metric.words} {metric.show(value)}"
