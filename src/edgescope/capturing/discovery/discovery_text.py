"""Discovery as text for a terminal, and as a table of a notebook."""

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgescope.lib.plurals import plural
from edgescope.lib.visible_text import visible
from edgescope.plots.notebook_card import badge, card, folded, joined, paragraph, table

PER_EDGE = "per edge"
"""The role of a tensor that is no part of attention."""

WIDTH = 100
"""Columns of the text where no terminal says how many."""

_COLUMNS = ("site", "role", "shape", "operation", "where")


Row = tuple[str, str, str, str, str]
"""What :data:`_COLUMNS` say of a tensor."""


def as_text(
    sentence: str, attention: Sequence[Row], refused: Sequence[str], width: int = WIDTH
) -> str:
    """Return what was found as text: a sentence, attention as a table, what cannot be captured."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, legacy_windows=False)
    console.print(Text(sentence, overflow="fold"))
    if attention:
        shown = Table(box=None, pad_edge=False)
        for name in _COLUMNS:
            shown.add_column(name, overflow="fold")
        for row in attention:
            shown.add_row(*(Text(visible(cell)) for cell in row))
        console.print(shown)
    for line in refused:
        console.print(Text(visible(line), overflow="fold"))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def as_html(
    what: str,
    sentence: str,
    attention: Sequence[Row],
    refused: Sequence[str],
    others: Sequence[Row],
) -> str:
    """Return what was found as a card of a notebook; what is no attention is folded away."""
    parts = [table(_COLUMNS, attention, most=None)] if attention else []
    parts += [paragraph(joined(badge("refused", "warn"), line)) for line in refused]
    if others:
        rest = f"{plural(len(others), 'other tensor')} with a row per edge"
        parts.append(folded(rest, table(_COLUMNS, others, most=None)))
    mark = badge("found", "good") if attention else badge("nothing found", "plain")
    return card(what, joined(mark, sentence), *parts)
