"""What the criterion is called in sentences, headings and labels."""

from typing import Any

from edgescope.report.formats import number


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
