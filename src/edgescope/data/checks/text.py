"""The findings about a table as text, in the words of a chemist."""

import io
import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgescope.data.checks.finding import SEVERITIES, SHOWN, TableFinding

if TYPE_CHECKING:
    from edgescope.data.checks.table import TableCheck

WIDTH = 100
INDENT = "  "
WIDE = 1000
"""Columns that a table of examples may take: a row of it stays in one line."""

LONGEST = 60
"""Characters of a cell; JSON holds the whole."""

NOTED = 5
"""Examples of what is only noted."""


def as_text(check: "TableCheck", width: int = WIDTH) -> str:
    """Return a section per finding, gravest first, and the verdict.

    Args:
        check: what was found.
        width: columns that sentences are wrapped at.
    """
    groups = groupby(check.found, key=lambda finding: (finding.severity, finding.kind))
    sections = [_section(list(group), width) for _, group in groups]
    return "\n\n".join([*sections, f"{check.name}: {check.verdict}"]) + "\n"


def _section(findings: Sequence[TableFinding], width: int) -> str:
    """Write all findings of one kind, and once why it matters and what to do."""
    first = findings[0]
    about = f" ({first.column})" if first.column and len(findings) == 1 else ""
    lines = [f"{SEVERITIES[first.severity].upper()}: {first.kind}{about}"]
    for finding in findings:
        sentence = finding.sentence
        if not (finding.column and sentence.startswith(finding.column)):
            sentence = sentence[:1].upper() + sentence[1:]
        lines += _wrapped(f"{sentence}.", width)
        shown = finding.examples.head(NOTED if finding.severity == "note" else SHOWN)
        lines += [f"{INDENT}{INDENT}{line}" for line in _aligned(shown)]
        if shown.height and len(finding.rows) > shown.height:
            lines.append(f"{INDENT}{INDENT}... ({len(finding.rows):,} rows in all)")
    if first.severity != "note":
        lines += _wrapped(f"Why it matters: {first.why}", width)
        lines += _wrapped(f"What to do: {first.remedy}", width)
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _aligned(frame: pl.DataFrame) -> list[str]:
    """Write a table in columns, without trailing blanks."""
    if not frame.width:
        return []
    shown = Table(box=None, pad_edge=False)
    for name, kind in frame.schema.items():
        # Names of columns and cells are text and no style, also where they have brackets.
        shown.add_column(Text(name), justify="right" if kind.is_numeric() else "left", no_wrap=True)
    for row in frame.iter_rows():
        shown.add_row(*(Text(_cell(value)) for value in row))
    buffer = io.StringIO()
    Console(file=buffer, width=WIDE, color_system=None).print(shown)
    return [line.rstrip() for line in buffer.getvalue().splitlines()]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
