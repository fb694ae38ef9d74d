"""Findings as JSON."""

import json
import math
from typing import Any

from edgescope.capturing.coverage import Coverage
from edgescope.diagnosis.finding import FindingList


def as_json(findings: FindingList) -> str:
    """Return findings as JSON: model, numbers of batches and graphs, rules, coverage and findings.

    ``coverage`` is :meth:`edgescope.capturing.Coverage.as_dict` with its ``sentence``; null if it
    is not known. ``caution`` is what should be read first, or null. A number that is not finite,
    which JSON has no word for, is null.
    """
    value = {
        "model": findings.model,
        "batches": findings.batches,
        "graphs": findings.graphs,
        "rules": list(findings.rules),
        "arguments": list(findings.arguments),
        "unjudged": {rule: list(paths) for rule, paths in findings.unjudged.items()},
        "caution": findings.caution or None,
        "coverage": covered(findings.coverage),
        "findings": [plain(each.as_dict()) for each in findings],
    }
    return json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def covered(coverage: Coverage | None) -> dict[str, Any] | None:
    """Return a coverage in plain values, and in a sentence."""
    return None if coverage is None else {**coverage.as_dict(), "sentence": coverage.sentence()}


def plain(value: Any) -> Any:  # noqa: ANN401  (anything that JSON can hold)
    """Return a value with ``None`` in place of numbers that are not finite."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
