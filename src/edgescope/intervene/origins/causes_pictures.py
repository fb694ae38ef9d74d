"""Causes drawn: the path of massive activations through the sites, the ranked units, and a card."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from edgescope.intervene.origins.causes_info import CausesInfo
from edgescope.intervene.origins.causes_words import finest, set_named
from edgescope.lib.errors import InputError
from edgescope.lib.plurals import plural
from edgescope.lib.visible_text import visible
from edgescope.plots.axes import BLUE, VERMILION
from edgescope.plots.formats import between, percent
from edgescope.plots.given_axes import drawn_on, heading
from edgescope.plots.notebook_card import Cell, Tone, badge, card, code, joined, see, table
from edgescope.plots.svg import INK, label_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWN = 12
"""Units that are drawn, the best first."""

_DARK = 0.6
"""Share above which a number on a heat map is written in white."""


class CausesPictures(ABC):
    """How :class:`edgescope.Causes` draws itself."""

    info: CausesInfo

    @abstractmethod
    def table(self, of: str = "rewinds") -> pl.DataFrame:
        """Return a table."""

    @abstractmethod
    def conclusion(self) -> str:
        """Say what was found."""

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the path: which site's values from the untrained model leave how much at which site.

        A row is a patched site, a column a site in the order of the layers; the number is the
        share of its massive rows that is left. Where it falls to the right of the diagonal, later
        massive activations follow from those of the patched site.

        Args:
            ax: axes to draw on; new ones by default, in a figure of pyplot's.

        Raises:
            InputError: if nothing was patched or nothing is massive, or ``ax`` is something else.
            MissingExtraError: if matplotlib is not installed.
        """
        paths = self.table("paths").filter(
            pl.col("into") == "trained", pl.col("source") == "untrained"
        )
        before = (
            self.table("sites").filter(level="model", unit="trained").filter(pl.col("massive") > 0)
        )
        if not paths.height or not before.height:
            raise InputError(
                "nothing was patched, or nothing is massive, so there is no path to draw"
            )
        rows, columns = (
            paths["patched"].unique(maintain_order=True).to_list(),
            before["site"].to_list(),
        )
        of = {(row["patched"], row["site"]): row["massive"] for row in paths.rows(named=True)}
        usual = dict(zip(columns, before["massive"].to_list(), strict=True))
        left = np.array([[of[row, column] / usual[column] for column in columns] for row in rows])
        names = [visible(row) for row in rows]
        size = (label_width(names) + 1.5 + 1.1 * len(columns), 2.6 + 0.45 * len(rows))
        with drawn_on(ax, size) as axes:
            axes.imshow(np.minimum(left, 1), cmap="YlOrRd", vmin=0, vmax=1, aspect="auto")
            for place, share in np.ndenumerate(left):
                colour = "white" if share > _DARK else INK
                y, x = place
                axes.text(x, y, percent(share), ha="center", va="center", color=colour)
            axes.set_yticks(range(len(rows)), names)
            axes.set_xticks(
                range(len(columns)),
                [visible(column) for column in columns],
                rotation=30,
                ha="right",
            )
            axes.grid(visible=False)
            axes.set_xlabel("massive edges left at")
            axes.set_ylabel("patched with the untrained model's values")
            heading(axes, f"Path of massive activations, {self.info.model}")
        return axes

    def plot_units(self, ax: "Axes | None" = None, level: str | None = None) -> "Axes":
        """Draw what each unit alone takes away when it is put back, and makes when it is trained.

        The numbers are the ``share`` of :meth:`table`, with 95 % intervals; the best are drawn.

        Args:
            ax: axes to draw on; new ones by default, in a figure of pyplot's.
            level: of the units; the finest by default.

        Raises:
            InputError: if there is no such level, or training has made nothing massive.
            MissingExtraError: if matplotlib is not installed.
        """
        levels = self.info.levels
        chosen = levels[-1] if level is None else level
        if chosen not in levels:
            raise InputError(f"received level={level!r}, expected one of {', '.join(levels)}")
        found = self.table().filter(pl.col("level") == chosen, pl.col("share").is_not_null())
        best = found.sort("rank", maintain_order=True)["unit"].unique(maintain_order=True)
        units = best.head(_DRAWN).to_list()
        if not units:
            raise InputError("training has made nothing massive, so there is nothing to draw")
        names = [visible(unit) for unit in units]
        with drawn_on(ax, (label_width(names) + 5.0, 1.6 + 0.45 * len(names))) as axes:
            axes.axvline(0, color=INK, linewidth=1)
            for shift, (direction, words, colour, marker) in zip(
                (-0.12, 0.12),
                (("rewound", "taken away", BLUE, "o"), ("restored", "made", VERMILION, "s")),
                strict=True,
            ):
                of = found.filter(pl.col("direction") == direction, pl.col("unit").is_in(units))
                at = [units.index(unit) + shift for unit in of["unit"]]
                axes.hlines(at, of["share_low"], of["share_high"], color=colour, linewidth=1.6)
                axes.plot(of["share"], at, marker, color=colour, label=words)
            axes.set_yticks(range(len(names)), names)
            axes.invert_yaxis()
            axes.grid(visible=False, axis="y")
            axes.set_xlabel("share of the massive edges that training has made")
            heading(axes, f"Single {chosen}s of {self.info.model}")
        return axes

    def _repr_html_(self) -> str:
        """Return the result as a card of a notebook."""
        info = self.info
        on = f" on {info.data}" if info.data else ""
        cells: list[list[Cell]] = []
        tone: Tone = "plain"
        for row in self.table("sets").rows(named=True):
            share = ["" if row["share"] is None else percent(row["share"])]
            ends = [row[f"share_{end}"] for end in ("low", "high")]
            chance = "" if row["random_share"] is None else percent(row["random_share"])
            what = [row["level"], row["does"], code(set_named(row)), row["proof"]]
            cells.append([*what, *share, between(*ends), chance])
        small = [row["size"] for row in finest(self.table("sets"))]
        says = f"{plural(min(small), 'unit')} of {plural(info.changed, 'tensor')}" if small else ""
        columns = ["level", "does", "smallest set", "proof", "share", "95 %", "at random"]
        return card(
            f"Causes in {info.model}{on}: {plural(info.graphs, 'graph')}",
            joined(badge(says, tone) if says else "", self.conclusion()),
            table(columns, cells, words=4, more="causes.table('sets')"),
            see("causes.table()", "causes.plot()", "causes.plot_units()"),
        )
