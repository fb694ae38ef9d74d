"""Discovery as text for a terminal, and as a table of a notebook."""

import io
from collections.abc import Sequence
from html import escape

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgescope.lib.plurals import plural
from edgescope.lib.visible_text import visible

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


STYLE = """\
.edgescope-discovery{font:14px/1.4 system-ui,sans-serif;color:inherit;background:transparent}
.edgescope-discovery table{border-collapse:collapse;margin:.4rem 0}
.edgescope-discovery th,.edgescope-discovery td{text-align:left;padding:.1rem .8rem .1rem 0;\
border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent);background:transparent}
.edgescope-discovery p{margin:.2rem 0}
"""
"""Colours are those of the page around it, dark or light."""


def as_html(
    sentence: str, attention: Sequence[Row], refused: Sequence[str], others: Sequence[Row]
) -> str:
    """Return what was found as one ``<section>`` with its own style; all that it shows is escaped.

    It needs no script; tensors that are no attention are folded away.
    """
    parts = [
        '<section class="edgescope-discovery">',
        f"<style>{STYLE}</style>",
        f"<p>{escape(sentence)}</p>",
        *(_table(attention) if attention else []),
        *(f"<p>{escape(line)}</p>" for line in refused),
    ]
    if others:
        what = f"{plural(len(others), 'other tensor')} with a row per edge"
        parts += [f"<details><summary>{what}</summary>", *_table(others), "</details>"]
    return "\n".join([*parts, "</section>"]) + "\n"


def _table(rows: Sequence[Row]) -> list[str]:
    head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    body = [
        "<tr>" + "".join(f"<td>{escape(visible(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    ]
    return [f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>", *body, "</tbody>\n</table>"]
