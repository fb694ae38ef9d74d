"""Which of a run's test metrics tables show, and which direction of it is better."""

from collections.abc import Mapping
from typing import Any

_BETTER_HIGH = ("auc", "ap", "accuracy", "f1", "r2")


def metric_of_test(metrics: Mapping[str, Any] | None) -> tuple[str, float] | None:
    """Return name and value of a run's test metric: its loss if there is no other.

    Args:
        metrics: as in ``metrics.json`` of a run folder; None for an untrained model.
    """
    tested = [name for name in metrics or {} if name.startswith("test_")]
    tested.sort(key=lambda name: name == "test_loss")  # stable: the loss goes last
    if not tested or metrics is None:
        return None
    return tested[0].removeprefix("test_"), float(metrics[tested[0]])


def higher_is_better(name: str) -> bool:
    """Say whether a larger value of a metric is a better one."""
    return any(part in _BETTER_HIGH or part.endswith("auc") for part in name.split("_"))


def show_metric(name: str, value: float) -> str:
    """Write a metric for people."""
    return f"test {name.replace('_', ' ')} {value:.4f}"
