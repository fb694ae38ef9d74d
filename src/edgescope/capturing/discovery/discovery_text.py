"""Discovery as text for a terminal, and as a table of a notebook."""

from collections.abc import Sequence

from edgescope.lib.plurals import plural
from edgescope.lib.text_tables import Column, fold, lay_out
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
