"""Findings as SARIF 2.1.0, the format of static analysis results."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edgescope.capturing.coverage import LEFT_OUT, SeenLayer, UnseenLayer
from edgescope.capturing.refusals import ATTENTION, PERHAPS
from edgescope.diagnosis.finding import Finding, FindingList, heads_in
from edgescope.diagnosis.findings_json import covered, plain
from edgescope.diagnosis.model_sources import below, relative
from edgescope.diagnosis.rules import known_rules
from edgescope.diagnosis.rules.diagnosis_rule import Rule
from edgescope.lib.version import __version__

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
VERSION = "2.1.0"

ROOT = "%SRCROOT%"
"""Name of the folder that paths of source files are relative to."""


@dataclass
class _Log:
    """What the results of a log have in common."""

    findings: FindingList
    root: Path
    subject: Path | None

    def location(self, path: str) -> dict[str, Any]:
        """Describe where a layer is: a location (section 3.28).

        It is the layer in the model, a logical location (section 3.33), and the line of code that
        it comes from, or the file that was diagnosed: a physical one (section 3.29).
        """
        model = self.findings.model
        logical = {
            "name": (path or model).rpartition(".")[2] or "model",
            "fullyQualifiedName": f"{model}.{path}".strip(".") or "model",
            "kind": "module",
        }
        sources = self.findings.sources
        line = below(sources.get(path, sources.get("", ())), self.root)
        if line is not None:
            physical = {"artifactLocation": _artifact(line[0]), "region": {"startLine": line[1]}}
        elif self.subject is not None and (file := relative(self.subject, self.root)):
            physical = {"artifactLocation": _artifact(file)}
        else:
            return {"logicalLocations": [logical]}
        return {"physicalLocation": physical, "logicalLocations": [logical]}

    def result(self, finding: Finding, rules: list[str]) -> dict[str, Any]:
        """Describe a finding: a result (section 3.27)."""
        text = f"{finding.where}: {finding.message}. Cause: {finding.cause}. "
        properties = {"where": finding.where, "cause": finding.cause, "remedy": finding.remedy}
        result = {
            "ruleId": finding.rule,
            "ruleIndex": rules.index(finding.rule),
            "level": finding.severity,
            "message": {"text": f"{text}Remedy: {finding.remedy}."},
            "locations": [self.location(finding.layer)],
            "partialFingerprints": {"findingPlace/v1": self.fingerprint(finding)},
            "properties": {**properties, "evidence": plain(dict(finding.evidence))},
        }
        if self.findings.compared:
            accepted = [{"kind": "external", "status": "accepted"}] if finding.accepted else []
            result["suppressions"] = accepted
        return result

    def fingerprint(self, finding: Finding) -> str:
        """Return a digest of what stays the same when a model is trained again."""
        where = (self.findings.model, finding.rule, finding.layer, str(heads_in(finding.where)))
        return hashlib.sha256("\n".join(where).encode()).hexdigest()

    def unseen(self, part: UnseenLayer) -> dict[str, Any]:
        """Describe a part that was not looked at: a notification (section 3.58)."""
        level = {ATTENTION: "error", PERHAPS: "warning"}.get(part.kind, "note")
        where = part.path or self.findings.model
        text = f"{where} ({part.layer}) was not looked at: {part.reason}"
        return {
            "level": "note" if part.reason == LEFT_OUT else level,
            "message": {"text": text},
            "locations": [self.location(part.path)],
            "properties": {"kind": part.kind},
        }

    def idle(self, layer: SeenLayer) -> dict[str, Any]:
        """Describe a layer that ran without an edge."""
        where = layer.path or self.findings.model
        return {
            "level": "warning",
            "message": {"text": f"{where} ({layer.layer}) ran and saw no edge"},
            "locations": [self.location(layer.path)],
        }


def as_sarif(findings: FindingList, root: Path, subject: Path | None = None) -> str:
    """Return findings as a SARIF 2.1.0 log with one run (OASIS standard, errata 01 of 2023).

    A finding is a result at a layer of the model, and at the line of code that the layer comes
    from. ``level`` is its severity, which SARIF calls by the same names. If findings were compared
    with a baseline, those in it are suppressed (section 3.35).

    What was looked at is a property of the run, ``coverage``. Each part of the model that was not
    looked at is a notification of its only invocation (sections 3.20.21 and 3.58). One of level
    ``error`` says that the results are incomplete (appendix I): attention that could not be looked
    at. It is ``warning`` where that it is attention is not certain, and ``note`` for what was left
    out on purpose or shows no sign of attention.

    Args:
        findings: the findings.
        root: the folder that paths of files are relative to; no other file is named.
        subject: the file that was diagnosed, the place of what comes from no line of code below
            ``root``.
    """
    known = {rule.id: rule for rule in known_rules()}
    used = list(dict.fromkeys([*findings.rules, *(each.rule for each in findings)]))
    log = _Log(findings, root, subject)
    properties: dict[str, Any] = {"arguments": list(findings.arguments)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "edgescope",
                "version": __version__,
                "rules": [_rule(name, known.get(name)) for name in used],
            }
        },
        "originalUriBaseIds": {ROOT: {"description": {"text": "the root of the project"}}},
        "results": [log.result(each, used) for each in findings],
        "properties": properties,
    }
    coverage = findings.coverage
    if coverage is not None:
        notes = [*map(log.unseen, coverage.unseen), *map(log.idle, coverage.empty)]
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": notes}]
        properties["coverage"] = covered(coverage)
    if findings.caution:
        properties["caution"] = findings.caution
    whole = {"$schema": SCHEMA, "version": VERSION, "runs": [run]}
    return json.dumps(whole, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _artifact(file: str) -> dict[str, str]:
    return {"uri": quote(file), "uriBaseId": ROOT}


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
