"""Discovery as text for a terminal, and as a table of a notebook."""

from collections.abc import Sequence
from html import escape

from edgescope.lib.plurals import plural
from edgescope.lib.text_tables import Column, fold, lay_out
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
    lines = fold(sentence, width)
    if attention:
        cells = zip(*attention, strict=True)
        columns = [
            Column(name, list(map(visible, own))) for name, own in zip(_COLUMNS, cells, strict=True)
        ]
        lines += lay_out(columns, width).lines
    for line in refused:
        lines += fold(visible(line), width)
    return "\n".join(lines)


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
