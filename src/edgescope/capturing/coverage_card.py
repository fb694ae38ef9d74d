"""Coverage as a card of a notebook: whether all attention was looked at, then layer by layer."""

from collections.abc import Sequence
from typing import Any

from edgescope.plots.notebook_card import Cell, badge, card, code, joined, table


def coverage_card(sentence: str, complete: bool, layers: Sequence[dict[str, Any]]) -> str:
    """Return the card.

    Args:
        sentence: what was looked at and what was not.
        complete: whether all attention was looked at.
        layers: rows of :meth:`edgescope.capturing.Coverage.table`.
    """
    mark = badge("complete", "good") if complete else badge("no all-clear", "warn")
    rows: list[list[Cell]] = [
        [
            code(row["path"] or "(the model)"),
            row["layer"],
            "yes"
            if row["seen"]
            else badge("no", "warn" if row["kind"] != "message passing" else "plain"),
            row["reason"] or f"{', '.join(row['stages'])} ({row['how']})",
            row["rows"],
        ]
        for row in layers
    ]
    columns = ["layer", "class", "looked at", "stages, or why not", "rows"]
    what = "Coverage: which attention of the model was looked at"
    return card(
        what, joined(mark, sentence), table(columns, rows, words=4, more="coverage.table()")
    )
