"""A result as a card of a notebook: what to know first, then tables; one way for all results.

A card brings its own colours, dark or light as the page around it: as the theme of Jupyter, VS
Code, Colab or the documentation says, else as the browser prefers. Text and background always go
together, so that a card can be read also where the guess is wrong. It has no script, asks for no
file, and everything that it shows is escaped. Without its style, as where a notebook is not
trusted, it is plain text and plain tables.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

from edgescope.lib.errors import shortened
from edgescope.lib.visible_text import visible
from edgescope.plots.formats import number


class Html(str):
    """Text with marks of HTML. Any other text that is put into a card is escaped."""

    __slots__ = ()


Tone = Literal["good", "bad", "warn", "plain"]
"""What a badge says at a glance."""

Cell = str | int | float | bool | None

ROWS = 12
"""Rows of a table that a card shows; it says how to get the others."""

LONGEST = 2000
"""Characters of one text; what is longer ends in three dots."""

_LIGHT = (
    "--ink:#1d1d1f;--soft:#5b5b62;--line:#dcdce0;--paper:#ffffff;--wash:#f4f4f7;"
    "--good:#00614a;--bad:#b00020;--warn:#8a4b00;--plain:#4a4a52"
)
_DARK = (
    "--ink:#ececf1;--soft:#a9a9b4;--line:#3c3c45;--paper:#1c1c21;--wash:#26262d;"
    "--good:#4cc9a0;--bad:#ff8c96;--warn:#ffb454;--plain:#b6b6c2"
)
_LIGHT_PAGES = ("[data-jp-theme-light=true]", ".vscode-light", "[data-theme=light]")
_DARK_PAGES = (
    *("[data-jp-theme-light=false]", ".vscode-dark", ".vscode-high-contrast"),
    *("[data-theme=dark]", "html[theme=dark]"),
)


def _of(pages: Sequence[str], colours: str) -> str:
    return ",".join(f"{page} .edgescope-card" for page in pages) + "{" + colours + "}"


STYLE = f"""\
.edgescope-card{{{_LIGHT}}}
@media (prefers-color-scheme:dark){{.edgescope-card{{{_DARK}}}}}
{_of(_LIGHT_PAGES, _LIGHT)}
{_of(_DARK_PAGES, _DARK)}
{_of((".vscode-high-contrast-light",), _LIGHT)}
.edgescope-card{{font:13px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;\
color:var(--ink);background:var(--paper);border:1px solid var(--line);border-radius:6px;\
padding:.7em 1em;max-width:84em;overflow-x:auto;text-align:left;overflow-wrap:break-word}}
.edgescope-card p{{margin:.25em 0;color:inherit}}
.edgescope-card .what{{color:var(--soft)}}
.edgescope-card .lead{{font-size:1.12em;margin:.35em 0 .5em}}
.edgescope-card .soft{{color:var(--soft)}}
.edgescope-card .badge{{font-weight:600;border:1.5px solid;border-radius:4px;padding:0 .45em;\
white-space:nowrap;margin-right:.35em}}
.edgescope-card .good{{color:var(--good)}}
.edgescope-card .bad{{color:var(--bad)}}
.edgescope-card .warn{{color:var(--warn)}}
.edgescope-card .plain{{color:var(--plain)}}
.edgescope-card table{{border-collapse:collapse;margin:.4em 0;color:inherit;border:0;\
font-size:1em;font-variant-numeric:tabular-nums}}
.edgescope-card tr{{background:transparent!important}}
.edgescope-card tbody tr:hover{{background:var(--wash)!important}}
.edgescope-card th,.edgescope-card td{{padding:.16em 1.1em .16em 0;border:0;\
border-bottom:1px solid var(--line);text-align:left!important;vertical-align:baseline;\
color:inherit;max-width:34em;white-space:normal}}
.edgescope-card th{{font-weight:600}}
.edgescope-card .n{{text-align:right!important;white-space:nowrap}}
.edgescope-card code{{font:.94em ui-monospace,Menlo,Consolas,monospace;color:inherit;\
background:var(--wash);padding:0 .25em;border-radius:3px}}
.edgescope-card summary{{cursor:pointer}}
.edgescope-card details{{margin:.3em 0}}
.edgescope-card details>p{{margin-left:1.1em}}
.edgescope-card .drawing{{background:#fff;color:#222;border-radius:4px;padding:.4em;\
margin:.2em 0;max-width:100%;box-sizing:border-box}}
.edgescope-card .drawing svg{{display:block;width:100%;height:auto}}
"""


def card(what: str, lead: str, *parts: Html) -> str:
    """Return a card.

    Args:
        what: what it is a card of, such as ``"Scan of GAT on 12 graphs"``.
        lead: what a reader should know first.
        parts: what follows.
    """
    return "\n".join(
        [
            '<div class="edgescope-card">',
            f"<style>{STYLE}</style>",
            f'<p class="what">{text(what)}</p>',
            f'<p class="lead">{text(lead)}</p>',
            *filter(None, parts),
            "</div>\n",
        ]
    )


def text(content: str) -> Html:
    """Return a text, escaped, with every character to be seen; what is HTML stays as it is."""
    if isinstance(content, Html):
        return content
    return Html(escape(visible(shortened(content, LONGEST))))


def code(content: str) -> Html:
    """Return what a user types, or the name of a thing in code."""
    return Html(f"<code>{text(content)}</code>")


def badge(content: str, tone: Tone) -> Html:
    """Return a few words that stand out."""
    return Html(f'<span class="badge {tone}">{text(content)}</span>')


def joined(*parts: str, between: str = " ") -> Html:
    """Return parts of a line one after the other; empty ones are left out."""
    return Html(between.join(text(part) for part in parts if part))


def paragraph(content: str, tone: str = "") -> Html:
    """Return a paragraph, in a tone or ``"soft"``; an empty one of nothing."""
    if not content:
        return Html("")
    mark = f' class="{escape(tone)}"' if tone else ""
    return Html(f"<p{mark}>{text(content)}</p>")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    words: int | None = None,
    more: str = "",
    most: int | None = ROWS,
) -> Html:
    """Return a table.

    Args:
        columns: names of the columns.
        rows: cells of every row: texts, numbers, or None where there is no number.
        words: how many columns, the first, are texts; the others stand at the right. All by
            default.
        more: what to type for all rows, if there are more than are shown.
        most: rows that are shown; None for all.
    """
    every = [list(row) for row in rows]
    shown = every[:most]
    first = len(columns) if words is None else words
    marks = ["" if place < first else ' class="n"' for place in range(len(columns))]
    names = zip(columns, marks, strict=True)
    head = "".join(f'<th scope="col"{mark}>{text(name)}</th>' for name, mark in names)
    made = [f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>"]
    for row in shown:
        cells = zip(row, marks, strict=True)
        made.append(f"<tr>{''.join(f'<td{mark}>{_cell(cell)}</td>' for cell, mark in cells)}</tr>")
    made.append("</tbody>\n</table>")
    if len(every) > len(shown):
        rest = f"{len(every) - len(shown):,} more rows"
        made.append(paragraph(joined(f"{rest}:", code(more)) if more else rest, "soft"))
    return Html("\n".join(made))


def folded(summary: str, *parts: Html) -> Html:
    """Return parts that a click on their summary shows."""
    return Html("\n".join([f"<details><summary>{text(summary)}</summary>", *parts, "</details>"]))


def drawing(svg: str, width: int) -> Html:
    """Return a drawing of ours, so many pixels wide, on paper: its ink is dark on any page."""
    return Html(f'<div class="drawing" style="width:{width}px">{svg}</div>')


def see(*calls: str) -> Html:
    """Return what to type to see more."""
    return paragraph(joined("see", *(code(call) for call in calls)), "soft")


def _cell(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return text(cell if isinstance(cell, str) else number(cell))
