"""What `edgescope diagnose` does with findings: baselines, formats, files, the exit code."""

import json
import os
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import cast

import typer

import edgescope as es
from edgescope.cli._steps import kept
from edgescope.cli._tables import coloured, hint, note, output, tell, terminal_width
from edgescope.lib.files import replacing
from edgescope.lib.plurals import plural

STORED = "findings.json"
"""Where the findings of a run are kept in its folder, for its report."""

BASELINE = "edgescope-baseline.json"
"""Where accepted findings are written if no file is named."""

NARROWEST, WIDEST = 40, 80
"""Columns of findings as text."""


class Format(StrEnum):
    """Format of the findings."""

    text = "text"
    json = "json"
    sarif = "sarif"
    html = "html"


class FailOn(StrEnum):
    """The lowest severity that ends the command with exit code 1."""

    error = "error"
    warning = "warning"
    note = "note"
    never = "never"


def settings_with(
    config: Path | None,
    select: list[str] | None,
    ignore: list[str] | None,
    fail_on: FailOn | None,
    baseline: Path | None,
) -> "es.diagnosis.DiagnosisSettings":
    """Return the settings of pyproject.toml, with what the command line says in place of them.

    Rules that are asked for on the command line look also if the file ignores them.
    """
    found = es.diagnosis.diagnosis_settings(config)
    if select:
        found = replace(found, select=tuple(select), ignore=())
    if ignore:
        found = replace(found, ignore=tuple(ignore))
    if fail_on is not None:
        found = replace(found, fail_on=fail_on.value)
    return found if baseline is None else replace(found, baseline=baseline)


def keep(findings: "es.diagnosis.Findings", run: "es.train.RunFolder | es.train.ModelRun") -> None:
    """Keep the findings of a run in its folder, if it can be written in."""
    if isinstance(run, es.train.RunFolder) and not os.access(run.path, os.W_OK):
        note(f"cannot write in {run.path}, so its report will have no section on these findings")
        return
    with replacing(kept(run) / STORED) as file:
        file.write_text(findings.json(), encoding="utf-8")


def accept(findings: "es.diagnosis.Findings", path: Path | None) -> None:
    """Write a baseline that accepts these findings, beside those of other models in it."""
    named, path = path is not None, path or Path(BASELINE)
    before = es.diagnosis.Baseline.load(path) if path.exists() else es.diagnosis.Baseline()
    before.updated(findings).save(path)
    typer.echo(f"{plural(len(findings), 'finding')} of {findings.model} accepted in {path}")
    if not named:
        hint(f'next: baseline = "{path}" in [tool.edgescope.diagnose] of pyproject.toml')


def compare(findings: "es.diagnosis.Findings", path: Path | None) -> None:
    """Mark which findings a baseline accepts, and say which of these are gone."""
    if path is None:
        return
    baseline = es.diagnosis.Baseline.load(path)
    baseline.mark(findings)
    gone = baseline.gone(findings)
    if gone:
        listed = ", ".join(f"{each.rule} at {each.layer or findings.model}" for each in gone)
        note(f"accepted in {path} but no longer found: {listed}; --write-baseline takes them out")


def write(
    findings: "es.diagnosis.Findings", form: Format, out: Path | None, subject: Path | None
) -> None:
    """Print findings, or write them to a file and say so."""
    form = Format.json if output().json and form is Format.text else form
    written = _written(findings, form, subject, terminal=out is None)
    if out is None:
        tell(written, json.loads(findings.json()) if output().json else {})
        return
    with replacing(out) as file:
        file.write_text(written, encoding="utf-8")
    looked_at = "" if findings.coverage is None else f"; {findings.coverage.sentence()}"
    accepted = len(findings) - len(findings.fresh)
    also = f", {accepted} of them accepted" if accepted else ""
    typer.echo(f"{plural(len(findings), 'finding')}{also} written to {out}{looked_at}")
    if findings.caution:
        typer.echo(f"caution: {findings.caution}")


def is_grave(findings: "es.diagnosis.Findings", fail_on: str) -> bool:
    """Return whether a finding that is not accepted is at least as severe."""
    if fail_on == FailOn.never:
        return False
    return bool(findings.at_least(cast("es.diagnosis.Severity", fail_on)))


def _written(
    findings: "es.diagnosis.Findings", form: Format, subject: Path | None, *, terminal: bool
) -> str:
    """Return the findings in the format that was asked for."""
    if form is Format.text:
        width = (terminal_width(sys.stdout) if terminal else None) or WIDEST
        width = min(max(width, NARROWEST), WIDEST)
        return findings.text(width, colours=terminal and coloured(sys.stdout))
    if form is Format.html:
        return findings.html(page=True)
    return findings.json() if form is Format.json else findings.sarif(subject=subject)
