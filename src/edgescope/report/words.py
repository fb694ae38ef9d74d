"""What thresholds, models and coverage are called in sentences, headings and labels."""

from typing import Any

from edgescope.lib.task_metrics import KNOWN
from edgescope.plots.axes import scanned_states
from edgescope.plots.formats import number
from edgescope.report.sentence_templates import filled
from edgescope.scanning.result import Scan

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
    return f"{axis} above {filled('per_site') if limit is None else number(limit)}"


def exceeds(numbers: dict[str, Any]) -> str:
    """Say the same of an edge, such as "whose ratio exceeds 1,000"."""
    axis, _, limit = above(numbers).partition(" above ")
    return filled("exceeds", axis=axis, limit=limit)


def state_labels(numbers: dict[str, Any]) -> dict[str, str]:
    """Return the states that were scanned, with their names."""
    return scanned_states(compared=numbers["scanned"]["baseline"] is not None)


def ratio_threshold(of: dict[str, Any], numbers: dict[str, Any]) -> float | None:
    """Return the threshold of a site, or that of all of them, for a figure of ratios.

    Args:
        of: an entry of ``numbers["sites"]``, or ``numbers["scanned"]``.
        numbers: the numbers of the report.
    """
    threshold: float | None = of["threshold"]
    return threshold if numbers["scanned"]["axis"] == "ratio" else None


def coverage_numbers(scan: Scan) -> dict[str, Any] | None:
    """Return the coverage of a scan in plain values; ``None`` if it is not known.

    Returns:
        ``share`` (how much was looked at, in words), ``gaps`` (what was not, with the reasons, an
        entry per class and reason), and ``seen``, ``unseen`` and ``complete`` of
        :meth:`edgescope.capturing.Coverage.as_dict`.
    """
    coverage = scan.coverage
    if coverage is None:
        return None
    return {"share": coverage.share(), "gaps": coverage.gaps(), **coverage.as_dict()}


def no_all_clear(numbers: dict[str, Any]) -> list[str]:
    """Return the sentence on top of a report whose scan did not look at all attention, if so."""
    found = numbers["coverage"]
    if found is None or found["complete"]:
        return []
    idle = "" if found["gaps"] else ", some of which saw no edge"
    what = f"The scan looked at {found['share']}{idle}"
    return [f"{what}, so nothing here is an all-clear for the model as a whole."]


def unseen(numbers: dict[str, Any]) -> str:
    """Say what a scan did not look at, and why."""
    found = numbers["coverage"]
    if found is None:
        return "Which attention of the model was looked at is not known of this scan."
    idle = [layer["path"] or "the model" for layer in found["seen"] if layer["rows"] == 0]
    said = [f"No edge was seen by {', '.join(idle)}."] if idle else []
    said += [f"Not looked at: {'; '.join(found['gaps'])}."] if found["gaps"] else []
    return " ".join(said)
