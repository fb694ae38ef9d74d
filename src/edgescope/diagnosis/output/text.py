"""Findings as text for a terminal or a log."""

import io
from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from edgescope.lib.errors import InputError
from edgescope.lib.model_call import said_arguments
from edgescope.lib.plurals import plural

if TYPE_CHECKING:
    from edgescope.diagnosis.finding import Finding, Findings

NARROWEST = 40
"""Columns that the text needs at least."""

INDENT = 2

COLOURS = {"error": "bold red", "warning": "bold yellow", "note": "bold blue"}


def as_text(findings: "Findings", width: int = 80, colours: bool = False) -> str:
    """Return findings as text, gravest first.

    Findings of one rule with the same cause and remedy stand under one heading.

    Args:
        findings: the findings.
        width: no line is longer.
        colours: whether severities are coloured with terminal codes.

    Raises:
        InputError: if ``width`` is below 40.
    """
    if width < NARROWEST:
        raise InputError(f"received width={width}, expected {NARROWEST} or more")
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width,
        force_terminal=colours,
        color_system="standard" if colours else None,
        legacy_windows=False,
    )
    if findings.caution:
        console.print(Text(f"caution: {findings.caution}", overflow="fold"))
        console.print()
    for _, group in groupby(findings, key=_heading):
        _show(console, list(group))
        console.print()
    console.print(Text(conclusion(findings), overflow="fold"))
    if rest(findings):
        console.print(Text(rest(findings), overflow="fold"))
    if findings.arguments:
        console.print(Text(f"The model was {said_arguments(findings.arguments)}."))
    for line in silence(findings):
        console.print(Text(line))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def conclusion(findings: "Findings") -> str:
    """Say in one sentence how many findings there are, what looked, and at how much.

    That nothing was found is an all-clear only if all attention of the model was looked at.
    """
    seen = f"{plural(findings.graphs, 'graph')} in {plural(findings.batches, 'batch', 'batches')}"
    looked = f"{plural(len(findings.rules), 'rule')} over {seen}"
    coverage = findings.coverage
    if coverage is not None:
        looked += f"; looked at {coverage.share()}"
    if not findings:
        clear = coverage is None or coverage.complete
        less = "" if clear else "; this is no all-clear, as part of the model was not looked at"
        return f"{findings.model}: nothing found by {looked}{less}."
    counts = [
        plural(sum(each.severity == severity for each in findings), severity)
        for severity in COLOURS
        if any(each.severity == severity for each in findings)
    ]
    return f"{findings.model}: {', '.join(counts)}, found by {looked}."


def silence(findings: "Findings") -> list[str]:
    """Say what was not judged by which rules, as numbers there are not finite."""
    rules: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for rule, paths in findings.unjudged.items():
        rules[paths].append(rule)
    return [
        f"Numbers of {', '.join(path or 'the model' for path in paths)} are not finite, so "
        f"{', '.join(silent)} did not judge {'it' if len(paths) == 1 else 'them'}."
        for paths, silent in rules.items()
    ]


def rest(findings: "Findings") -> str:
    """Say in a sentence what was not looked at, and why; empty if there is nothing to say."""
    said = "" if findings.coverage is None else findings.coverage.rest()
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _heading(finding: "Finding") -> tuple[str, ...]:
    return finding.severity, finding.rule, finding.cause, finding.remedy


def _show(console: Console, group: "list[Finding]") -> None:
    first = group[0]
    title = Text(first.severity, style=COLOURS[first.severity])
    console.print(title.append(f" {first.rule}", style="bold"))
    for each in group:
        _indented(console, Text(f"{each.where}: {each.message}"))
    _indented(console, Text("cause: ", style="bold").append(first.cause, style="not bold"))
    _indented(console, Text("remedy: ", style="bold").append(first.remedy, style="not bold"))


def _indented(console: Console, text: Text) -> None:
    text.overflow = "fold"
    console.print(Padding(text, (0, 0, 0, INDENT), expand=False))
