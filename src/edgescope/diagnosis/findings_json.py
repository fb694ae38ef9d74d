"""Findings as JSON, and as SARIF 2.1.0, the format of static analysis results."""

import json
import math
from typing import Any

from edgescope.capturing.coverage import LEFT_OUT, Coverage, SeenLayer, UnseenLayer
from edgescope.capturing.refusals import ATTENTION, PERHAPS
from edgescope.diagnosis.finding import Finding, FindingList
from edgescope.diagnosis.rules import known_rules
from edgescope.diagnosis.rules.diagnosis_rule import Rule
from edgescope.lib.version import __version__


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


SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
VERSION = "2.1.0"


def as_sarif(findings: FindingList) -> str:
    """Return findings as a SARIF 2.1.0 log with one run (OASIS standard, 27 March 2020).

    A finding is a result at a logical location, the path of the layer in the model: there is no
    line of source code that it belongs to. ``level`` is its severity, which SARIF calls by the
    same names.

    What was looked at is a property of the run, ``coverage``. Each part of the model that was not
    looked at is a notification of its only invocation (sections 3.20.21 and 3.58). One of level
    ``error`` says that the results are incomplete (appendix I): attention that could not be looked
    at. It is ``warning`` where that it is attention is not certain, and ``note`` for what was left
    out on purpose or shows no sign of attention.
    """
    known = {rule.id: rule for rule in known_rules()}
    used = list(dict.fromkeys([*findings.rules, *(each.rule for each in findings)]))
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "edgescope",
                "version": __version__,
                "rules": [_rule(name, known.get(name)) for name in used],
            }
        },
        "properties": {"arguments": list(findings.arguments)},
        "results": [_result(each, used, findings.model) for each in findings],
    }
    coverage = findings.coverage
    if coverage is not None:
        unseen = [_notification(each, findings.model) for each in coverage.unseen]
        unseen += [_idle(each, findings.model) for each in coverage.empty]
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": unseen}]
        run["properties"] = {"coverage": covered(coverage)}
    if findings.caution:
        run["properties"]["caution"] = findings.caution
    log = {"$schema": SCHEMA, "version": VERSION, "runs": [run]}
    return json.dumps(log, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _rule(name: str, rule: type[Rule] | None) -> dict[str, Any]:
    """Describe a rule: a reporting descriptor (section 3.49). One of the user's has no page."""
    if rule is None:
        return {"id": name}
    return {
        "id": name,
        "shortDescription": {"text": rule.title},
        "help": {"text": rule.explanation, "markdown": rule.explanation},
        "defaultConfiguration": {"level": rule.severity},
    }


def _notification(part: UnseenLayer, model: str) -> dict[str, Any]:
    """Describe a part that was not looked at: a notification (section 3.58)."""
    level = {ATTENTION: "error", PERHAPS: "warning"}.get(part.kind, "note")
    text = f"{part.path or model} ({part.layer}) was not looked at: {part.reason}"
    return {
        "level": "note" if part.reason == LEFT_OUT else level,
        "message": {"text": text},
        "locations": [{"logicalLocations": [_location(part.path, model)]}],
        "properties": {"kind": part.kind},
    }


def _idle(layer: SeenLayer, model: str) -> dict[str, Any]:
    """Describe a layer that ran without an edge."""
    return {
        "level": "warning",
        "message": {"text": f"{layer.path or model} ({layer.layer}) ran and saw no edge"},
        "locations": [{"logicalLocations": [_location(layer.path, model)]}],
    }


def _location(path: str, model: str) -> dict[str, str]:
    """Describe a place in the model: a logical location (section 3.33)."""
    name = path or model
    return {
        "name": name.rpartition(".")[2] or "model",
        "fullyQualifiedName": f"{model}.{path}".strip(".") or "model",
        "kind": "module",
    }


def _result(finding: Finding, rules: list[str], model: str) -> dict[str, Any]:
    """Describe a finding: a result (section 3.27)."""
    text = f"{finding.where}: {finding.message}. Cause: {finding.cause}. Remedy: {finding.remedy}."
    properties = {"where": finding.where, "cause": finding.cause, "remedy": finding.remedy}
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.severity,
        "message": {"text": text},
        "locations": [{"logicalLocations": [_location(finding.layer, model)]}],
        "properties": {**properties, "evidence": plain(dict(finding.evidence))},
    }
