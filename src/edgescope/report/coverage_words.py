"""What a report says of the attention that its scan looked at, and did not look at."""

from typing import Any

from edgescope.scanning.result import Scan


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
