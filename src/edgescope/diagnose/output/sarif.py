"""Findings as SARIF 2.1.0, the format of static analysis results."""

import json
from typing import TYPE_CHECKING, Any

from edgescope.diagnose.output.as_json import plain

if TYPE_CHECKING:
    from edgescope.diagnose.finding import Finding, Findings
    from edgescope.diagnose.rules.base import Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
VERSION = "2.1.0"


def as_sarif(findings: "Findings") -> str:
    """Return findings as a SARIF 2.1.0 log with one run (OASIS standard, 27 March 2020).

    A finding is a result at a logical location, the path of the layer in the model: there is no
    line of source code that it belongs to. ``level`` is its severity, which SARIF calls by the
    same names.
    """
    import edgescope
    from edgescope.diagnose.rules import RULES

    known = {rule.id: rule for rule in RULES}
    used = list(dict.fromkeys([*findings.rules, *(each.rule for each in findings)]))
    run = {
        "tool": {
            "driver": {
                "name": "edgescope",
                "version": edgescope.__version__,
                "rules": [_rule(name, known.get(name)) for name in used],
            }
        },
        "properties": {"arguments": list(findings.arguments)},
        "results": [_result(each, used, findings.model) for each in findings],
    }
    log = {"$schema": SCHEMA, "version": VERSION, "runs": [run]}
    return json.dumps(log, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _rule(name: str, rule: "type[Rule] | None") -> dict[str, Any]:
    """Describe a rule: a reporting descriptor (section 3.49). One of the user's has no page."""
    if rule is None:
        return {"id": name}
    return {
        "id": name,
        "shortDescription": {"text": rule.title},
        "help": {"text": rule.explanation, "markdown": rule.explanation},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(finding: "Finding", rules: list[str], model: str) -> dict[str, Any]:
    """Describe a finding: a result (section 3.27)."""
    name = finding.layer or model
    location = {
        "name": name.rpartition(".")[2] or "model",
        "fullyQualifiedName": f"{model}.{finding.layer}".strip(".") or "model",
        "kind": "module",
    }
    text = f"{finding.where}: {finding.message}. Cause: {finding.cause}. Remedy: {finding.remedy}."
    properties = {"where": finding.where, "cause": finding.cause, "remedy": finding.remedy}
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.severity,
        "message": {"text": text},
        "locations": [{"logicalLocations": [location]}],
        "properties": {**properties, "evidence": plain(dict(finding.evidence))},
    }
