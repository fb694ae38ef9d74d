"""Findings as a section of a web page."""

from html import escape
from typing import TYPE_CHECKING

from edgescope.diagnosis.output.text import conclusion, rest
from edgescope.lib.model_call import said_arguments

if TYPE_CHECKING:
    from edgescope.diagnosis.finding import Finding, Findings

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


def as_html(findings: "Findings") -> str:
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
        *map(_article, findings),
        "</section>",
    ]
    return "\n".join(parts) + "\n"


def _caution(findings: "Findings") -> list[str]:
    """Say what should be read first, if there is anything."""
    said = escape(findings.caution)
    return [f'<article class="error"><p>Caution: {said}.</p></article>'] if said else []


def _called(findings: "Findings") -> list[str]:
    if not findings.arguments:
        return []
    return [f"<p>The model was {escape(said_arguments(findings.arguments))}.</p>"]


def _coverage(findings: "Findings") -> list[str]:
    """Say what was not looked at, and why."""
    coverage, said = findings.coverage, f"<p>{escape(rest(findings))}</p>"
    if coverage is None or not rest(findings):
        return []
    return [said] if coverage.complete else [f'<article class="warning">{said}</article>']


def as_page(findings: "Findings") -> str:
    """Return a whole page that holds the section."""
    title = escape(f"Diagnosis of {findings.model}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n</head>\n<body>\n{as_html(findings)}</body>\n</html>\n"
    )


def _article(finding: "Finding") -> str:
    return (
        f'<article class="{finding.severity}">\n'
        f"<h3>{finding.severity}: {escape(finding.rule)}</h3>\n"
        f"<p><code>{escape(finding.where)}</code>: {escape(finding.message)}.</p>\n"
        f"<p><b>Cause:</b> {escape(finding.cause)}.</p>\n"
        f"<p><b>Remedy:</b> {escape(finding.remedy)}.</p>\n"
        "</article>"
    )
