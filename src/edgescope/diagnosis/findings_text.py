"""Findings as text for a terminal or a log, and as a section of a web page."""

import io
from collections import defaultdict
from html import escape
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from edgescope.diagnosis.finding import Finding, FindingList
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import said_arguments
from edgescope.lib.plurals import plural

NARROWEST = 40
"""Columns that the text needs at least."""

INDENT = 2

COLOURS = {"error": "bold red", "warning": "bold yellow", "note": "bold blue"}


def as_text(findings: FindingList, width: int = 80, colours: bool = False) -> str:
    """Return findings as text, most severe first.

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
    for _, group in groupby(findings.fresh, key=_heading):
        _show(console, list(group))
        console.print()
    console.print(Text(conclusion(findings), overflow="fold"))
    if rest(findings):
        console.print(Text(rest(findings), overflow="fold"))
    if findings.arguments:
        console.print(Text(f"The model was {said_arguments(findings.arguments)}."))
    for line in [*silence(findings), *filter(None, [agreed(findings)])]:
        console.print(Text(line))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def conclusion(findings: FindingList) -> str:
    """Say in one sentence how many findings there are, what looked, and at how much.

    That nothing was found is an all-clear only if all attention of the model was looked at.
    """
    seen = f"{plural(findings.graphs, 'graph')} in {plural(findings.batches, 'batch', 'batches')}"
    looked = f"{plural(len(findings.rules), 'rule')} over {seen}"
    coverage = findings.coverage
    if coverage is not None:
        looked += f"; looked at {coverage.share()}"
    fresh = findings.fresh
    if not fresh:
        clear = coverage is None or coverage.complete
        less = "" if clear else "; this is no all-clear, as part of the model was not looked at"
        new = "new " if findings else ""
        return f"{findings.model}: nothing {new}found by {looked}{less}."
    counts = [
        plural(sum(each.severity == severity for each in fresh), severity)
        for severity in COLOURS
        if any(each.severity == severity for each in fresh)
    ]
    return f"{findings.model}: {', '.join(counts)}, found by {looked}."


def agreed(findings: FindingList) -> str:
    """Say how many findings are accepted and so not shown; empty if there is none."""
    number = len(findings) - len(findings.fresh)
    return f"{plural(number, 'accepted finding')} not shown." if number else ""


def silence(findings: FindingList) -> list[str]:
    """Say what was not judged by which rules, as numbers there are not finite."""
    rules: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for rule, paths in findings.unjudged.items():
        rules[paths].append(rule)
    return [
        f"Numbers of {', '.join(path or 'the model' for path in paths)} are not finite, so "
        f"{', '.join(silent)} did not judge {'it' if len(paths) == 1 else 'them'}."
        for paths, silent in rules.items()
    ]


def rest(findings: FindingList) -> str:
    """Say in a sentence what was not looked at, and why; empty if there is nothing to say."""
    said = "" if findings.coverage is None else findings.coverage.rest()
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _heading(finding: Finding) -> tuple[str, ...]:
    return finding.severity, finding.rule, finding.cause, finding.remedy


def _show(console: Console, group: list[Finding]) -> None:
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


STYLE = """\
.edgescope-findings{font:15px/1.5 system-ui,sans-serif;max-width:60rem}
.edgescope-findings article{border-left:4px solid;margin:1rem 0;padding:.1rem 0 .1rem 1rem}
.edgescope-findings .error{border-color:#b00020}
.edgescope-findings .warning{border-color:#b26a00}
.edgescope-findings .note{border-color:#1a5fb4}
.edgescope-findings h3{margin:0;font-size:1rem}
.edgescope-findings p{margin:.2rem 0}
"""
"""Names of its own only, so that the section can stand in any page."""


def as_html(findings: FindingList) -> str:
    """Return findings as one ``<section>`` with its own style; all that it shows is escaped.

    It needs no script, no network and no other file.
    """
    parts = [
        '<section class="edgescope-findings">',
        f"<style>{STYLE}</style>",
        "<h2>Diagnosis</h2>",
        *_caution(findings),
        f"<p>{escape(conclusion(findings))}</p>",
        *_called(findings),
        *_coverage(findings),
        *(f"<p>{escape(line)}</p>" for line in filter(None, [agreed(findings)])),
        *map(_article, findings.fresh),
        "</section>",
    ]
    return "\n".join(parts) + "\n"


def _caution(findings: FindingList) -> list[str]:
    """Say what should be read first, if there is anything."""
    said = escape(findings.caution)
    return [f'<article class="error"><p>Caution: {said}.</p></article>'] if said else []


def _called(findings: FindingList) -> list[str]:
    if not findings.arguments:
        return []
    return [f"<p>The model was {escape(said_arguments(findings.arguments))}.</p>"]


def _coverage(findings: FindingList) -> list[str]:
    """Say what was not looked at, and why."""
    coverage, said = findings.coverage, f"<p>{escape(rest(findings))}</p>"
    if coverage is None or not rest(findings):
        return []
    return [said] if coverage.complete else [f'<article class="warning">{said}</article>']


def as_page(findings: FindingList) -> str:
    """Return a whole page that holds the section."""
    title = escape(f"Diagnosis of {findings.model}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n</head>\n<body>\n{as_html(findings)}</body>\n</html>\n"
    )


def _article(finding: Finding) -> str:
    return (
        f'<article class="{finding.severity}">\n'
        f"<h3>{finding.severity}: {escape(finding.rule)}</h3>\n"
        f"<p><code>{escape(finding.where)}</code>: {escape(finding.message)}.</p>\n"
        f"<p><b>Cause:</b> {escape(finding.cause)}.</p>\n"
        f"<p><b>Remedy:</b> {escape(finding.remedy)}.</p>\n"
        "</article>"
    )
