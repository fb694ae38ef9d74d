"""A drawing with what its colours mean, as a notebook shows it and a file holds it."""

from dataclasses import dataclass
from pathlib import Path

from edgescope.lib.files import replacing, writable_folder
from edgescope.plots.notebook_card import Html, card, drawing, paragraph

_WIDTH = 620
_LEGEND_WIDTH = 420
"""Pixels of a drawing and of its legend in a notebook."""


@dataclass(frozen=True)
class Picture:
    """A drawing, and what its colours mean.

    Attributes:
        title: what is drawn.
        lead: what to see in it.
        svg: the drawing, an ``<svg>`` element.
        legend: the scale of its colours, another one; empty if nothing is coloured.
        notes: what colours mean and how they are normalised, and what is not drawn.
        rows: a table of what is coloured, as HTML; empty if there is none.
    """

    title: str
    lead: str
    svg: str
    legend: str
    notes: tuple[str, ...] = ()
    rows: Html = Html("")  # noqa: RUF009  (a text)

    def __repr__(self) -> str:
        """Say what is drawn."""
        return f"Picture({self.title}: {self.lead})"

    def _repr_html_(self) -> str:
        """Return it as a card of a notebook."""
        return card(
            self.title,
            self.lead,
            drawing(self.svg, _WIDTH),
            *([drawing(self.legend, _LEGEND_WIDTH)] if self.legend else []),
            *(paragraph(note, "soft") for note in self.notes),
            self.rows,
        )

    def save(self, path: str | Path) -> Path:
        """Write the drawing, without its legend, as an SVG file, and return the path.

        Raises:
            InputError: if it cannot be written there.
        """
        path = Path(path)
        writable_folder(path.parent)
        with replacing(path) as temporary:
            temporary.write_text(self.svg, encoding="utf-8")
        return path
