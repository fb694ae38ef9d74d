"""The numbers of claims drawn: each group with its seeds and interval, and where the claim lies."""

import math
from collections.abc import Sequence
from textwrap import fill
from typing import NamedTuple

from edgescope.plots.axes import legend_row
from edgescope.plots.seed_forests import ForestRow, draw_seed_forest
from edgescope.plots.svg import WIDE, figure, label_width, render
from edgescope.study.claims.questions import Question

LETTERS = 44
"""Letters of a line beside a number."""


class DossierFigure(NamedTuple):
    """A figure of the page.

    Attributes:
        name: prefix of its ids.
        svg: the figure as an element of a page.
        caption: what it shows and how to read it.
    """

    name: str
    svg: str
    caption: str
    number: str = ""
    """Which number of the claim it shows; empty for a published figure."""


def numbers_drawn(key: str, questions: Sequence[Question]) -> list[DossierFigure]:
    """Draw the numbers of a claim, a figure for each kind of number."""
    found = []
    kinds = list(dict.fromkeys(each.number for each in questions))
    for place, kind in enumerate(kinds, 1):
        of = [each for each in questions if each.number == kind]
        if not any(math.isfinite(each.estimate.value) for each in of):
            continue
        rows = [
            ForestRow(
                fill(each.group, LETTERS),
                each.estimate.value,
                each.estimate.low,
                each.estimate.high,
                each.estimate.values,
                not each.aside,
            )
            for each in of
        ]
        lines = [line for row in rows for line in row.label.split("\n")]
        left = label_width(lines)
        drawn = figure(WIDE, 1.15 + 0.21 * (len(rows) + len(lines)), (left, 0.2, 0.45, 0.4))
        axes = drawn.subplots()
        # Groups of one number are measured from the same least effect, or nearly so.
        draw_seed_forest(axes, rows, (of[0].region.low, of[0].region.high), of[0].null)
        legend_row(axes)
        name = f"{key}-numbers-{place}"
        svg = render(drawn, name, f"{key}: {kind}")
        found.append(DossierFigure(name, svg, _said(of), kind))
    return found


def _said(of: Sequence[Question]) -> str:
    first = of[0]
    null = f" The broken line: {first.null_words}." if first.null_words else ""
    pale = " Paler lines do not enter the verdict." if any(each.aside for each in of) else ""
    return (
        f"{first.number[:1].upper()}{first.number[1:]}. Green is where the claim says that it lies "
        f"({first.region.why}).{null}{pale}"
    )
