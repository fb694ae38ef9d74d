"""What is wrong with the attention of the model: findings, causes and remedies."""

import json
from itertools import groupby
from typing import Any

from edgescope.diagnosis import Findings, diagnose
from edgescope.diagnosis.findings_text import conclusion, rest, silence
from edgescope.lib.errors import InputError
from edgescope.plots.formats import number
from edgescope.report.section_protocol import Material, Need, Section
from edgescope.report.section_registry import section
from edgescope.scanning.result import Scan

SHOWN = 8
"""Values of a list that are shown; all are in the JSON file."""


@section
class Diagnosis(Section):
    """Findings of ``es.diagnose``, those of one rule, cause and remedy under one heading."""

    name, title, place = "diagnosis", "What is wrong with the attention", 900
    needs = (
        Need(
            "diagnosis",
            Findings,
            diagnose.load,
            call="es.diagnose",
            command="diagnose",
            stored="findings.json",
        ),
    )

    def numbers(self, material: Material) -> dict[str, Any]:
        """Return the findings as their JSON file has them, with the sentences about them.

        Raises:
            InputError: if they are of another model.
        """
        found: Findings = material.results["diagnosis"]
        _refuse_strangers(found, material.scan)
        sentences = [conclusion(found), *filter(None, [rest(found)]), *silence(found)]
        return {"sentences": sentences, **json.loads(found.json())}

    def context(self, numbers: dict[str, Any]) -> dict[str, Any]:
        """Return the findings under their headings, and how to write evidence."""
        groups = [
            list(group)
            for _, group in groupby(
                numbers["diagnosis"]["findings"],
                key=lambda each: [each[part] for part in ("severity", "rule", "cause", "remedy")],
            )
        ]
        return {"found_together": groups, "evidence": _written}


def _refuse_strangers(found: Findings, scan: Scan) -> None:
    """Refuse findings about another model, or one of other attention layers."""
    what = f"a diagnosis of {found.model}" if found.model != scan.info.model else ""
    if not what and found.coverage is not None and scan.coverage is not None:
        known = {each.path for each in found.coverage.seen}
        known |= {each.path for each in found.coverage.unseen}
        lacking = [each.path for each in scan.coverage.seen if each.path not in known]
        what = f"a diagnosis of a model without {lacking[0]}" if lacking else ""
    if what:
        raise InputError(
            f"received {what}, expected one of {scan.info.model} as it was scanned; diagnose the "
            "model that was scanned"
        )


def _written(value: Any) -> str:  # noqa: ANN401  (numbers, texts and lists of them)
    """Write a piece of evidence."""
    if isinstance(value, list):
        more = f" and {len(value) - SHOWN} more" if len(value) > SHOWN else ""
        return f"{', '.join(map(_written, value[:SHOWN]))}{more}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_written(each)}" for key, each in value.items())
    number_like = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    return number(value) if number_like else str(value)
