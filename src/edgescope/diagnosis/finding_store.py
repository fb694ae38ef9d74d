"""Findings that were written as JSON, read again."""

from pathlib import Path
from typing import Any

from edgescope.capturing.coverage import Coverage
from edgescope.diagnosis.finding import SEVERITIES, Finding
from edgescope.diagnosis.findings import Findings
from edgescope.lib.errors import InputError
from edgescope.lib.input_files import json_of, reading, whole

WHAT = "findings as edgescope diagnose --format json writes them"

REMEDY = "diagnose again with --format json"


def load_findings(path: Path) -> Findings:
    """Read the findings that :func:`edgescope.diagnosis.findings_json.as_json` wrote to a file.

    Raises:
        InputError: if there is no such file, it cannot be read, or it holds something else, such
            as a SARIF log.
    """
    with reading(f"{path}, which should be {WHAT},", REMEDY, InputError):
        written = json_of(whole(path, WHAT))
        if not isinstance(written, dict) or "findings" not in written:
            sarif = isinstance(written, dict) and "runs" in written
            held = "a SARIF log" if sarif else f"JSON of another kind ({type(written).__name__})"
            raise InputError(f"{path} holds {held}, expected {WHAT}; {REMEDY}")
        return Findings(
            [_finding(each) for each in written["findings"]],
            model=written["model"],
            rules=written["rules"],
            batches=written["batches"],
            graphs=written["graphs"],
            arguments=written["arguments"],
            unjudged={rule: tuple(paths) for rule, paths in written["unjudged"].items()},
            coverage=written["coverage"] and Coverage.from_dict(written["coverage"]),
            caution=written["caution"] or "",
        )


def _finding(written: dict[str, Any]) -> Finding:
    if written["severity"] not in SEVERITIES:
        raise ValueError(f"severity {written['severity']!r}, expected {', '.join(SEVERITIES)}")
    return Finding(**written)
