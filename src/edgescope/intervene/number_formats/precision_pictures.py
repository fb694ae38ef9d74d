"""Number formats drawn: magnitudes of all places below the largest numbers, and a card."""

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from edgescope.intervene.number_formats.float_formats import FLOATS
from edgescope.intervene.number_formats.format_verdict import (
    LOSES,
    OVERFLOWS,
    SAFE,
    change_words,
    spot_words,
)
from edgescope.lib.errors import InputError
from edgescope.lib.plurals import plural
from edgescope.lib.stored_tables import StoredTables
from edgescope.plots.axes import BLUE, DASHES, VERMILION
from edgescope.plots.given_axes import drawn_on, heading
from edgescope.plots.notebook_card import Cell, Tone, badge, card, joined, see, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWN = ("float16", "float8 e4m3")


class PrecisionPictures(StoredTables):
    """How :class:`edgescope.Precision` draws itself."""

    @abstractmethod
    def plain(self) -> pl.DataFrame:
        """Return the rows without a remedy."""

    @abstractmethod
    def table(self) -> pl.DataFrame:
        """Return one row per format and remedy."""

    @abstractmethod
    def headroom(self, kind: str | None = None) -> pl.DataFrame:
        """Return one row per place and format."""

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the largest magnitude of every place in the order of execution.

        Lines are the largest numbers of float16 and of float8 e4m3. The numbers are those of
        :meth:`headroom`.

        Args:
            ax: axes to draw on; new ones by default, in a figure of pyplot's.

        Raises:
            InputError: if no place has a magnitude above zero, or ``ax`` is something else.
            MissingExtraError: if matplotlib is not installed.
        """
        found = self.headroom().unique("place", maintain_order=True).with_row_index("at")
        found = found.filter(pl.col("largest") > 0)
        if not found.height:
            raise InputError("no place has a magnitude above zero, so there is nothing to draw")
        with drawn_on(ax, (8.0, 4.0)) as axes:
            for kind, colour, marker in (("module", BLUE, "."), ("site", VERMILION, "o")):
                of = found.filter(kind=kind)
                at, largest = of["at"].to_numpy(), np.log2(of["largest"].to_numpy())
                axes.plot(at, largest, marker, color=colour, label=f"output of a {kind}")
            for name in _DRAWN:
                axes.axhline(np.log2(FLOATS[name].largest), linestyle=DASHES, color="black")
                axes.annotate(name, (0, np.log2(FLOATS[name].largest)), va="bottom")
            axes.set_xlabel("place, in the order of execution")
            axes.set_ylabel("largest magnitude (bits)")
            heading(axes, f"Headroom of {self.info.model}")
        return axes

    def _repr_html_(self) -> str:
        """Return the result as a card of a notebook."""
        info = self.info
        verdicts = self.plain()["verdict"].to_list()[1:]
        tone: Tone = "bad" if OVERFLOWS in verdicts else "warn" if LOSES in verdicts else "plain"
        tone = "good" if set(verdicts) == {SAFE} else tone
        safe = verdicts.count(SAFE)
        cells: list[list[Cell]] = [
            [
                row["format"],
                row["remedy"],
                row["verdict"],
                spot_words(row, "overflow") or row["reason"] or change_words(row, info.metric),
                row["metric"],
                row["moved"],
            ]
            for row in self.table().rows(named=True)
        ]
        named = info.metric or "metric"
        columns = ["format", "remedy", "verdict", "where, why or how much", named, "moved"]
        on = f" on {info.data}" if info.data else ""
        return card(
            f"Number formats of {info.model}{on}: {plural(info.graphs, 'graph')}",
            joined(badge(f"{safe} of {len(verdicts)} formats safe", tone), self.conclusion()),
            table(columns, cells, words=4, more="precision.table()"),
            see("precision.table()", "precision.headroom()", "precision.plot()"),
        )
