"""What criteria, thresholds and models are called in sentences, headings and labels."""

from typing import Any

from edgescope.lib.task_metrics import KNOWN
from edgescope.plots.formats import number

METRICS = {name: metric.words for name, metric in KNOWN.items()}
"""How metrics are written."""

BIN_PRECISION = "0.4\N{NO-BREAK SPACE}%"
"""How far the centre of a bin is from any value in it, at most (see statistics.bins)."""


def thresholds(sites: list[dict[str, Any]], axis: str) -> list[float | None]:
    """Return the threshold of each of the sites on one axis, None where there is none."""
    return [(site["judged"][axis] or {}).get("threshold") for site in sites]


def above(
    numbers: dict[str, Any], site: dict[str, Any] | None = None, axis: str | None = None
) -> str:
    """Say what is counted, such as "ratio above 1,000".

    Args:
        numbers: the numbers of the report.
        site: one site; by default what holds for all of them.
        axis: ratio or magnitude; by default what the figures are about.
    """
    axis = numbers["scanned"]["axis"] if axis is None else axis
    limits = set(thresholds(numbers["sites"] if site is None else [site], axis))
    limit = limits.pop() if len(limits) == 1 else None
    return f"{axis} above {'the threshold of its site' if limit is None else number(limit)}"


def exceeds(numbers: dict[str, Any]) -> str:
    """Say the same of an edge, such as "whose ratio exceeds 1,000"."""
    return f"whose {above(numbers).replace(' above ', ' exceeds ')}"


def state_label(state: str, numbers: dict[str, Any]) -> str:
    """Name a state; without an untrained model there is but one."""
    return state if numbers["scanned"]["baseline"] else "scanned model"


def ratio_threshold(of: dict[str, Any], numbers: dict[str, Any]) -> float | None:
    """Return the threshold of a site, or that of all of them, for a figure of ratios.

    Args:
        of: an entry of ``numbers["sites"]``, or ``numbers["scanned"]``.
        numbers: the numbers of the report.
    """
    threshold: float | None = of["threshold"]
    return threshold if numbers["scanned"]["axis"] == "ratio" else None
