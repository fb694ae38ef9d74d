"""Causes drawn: the path of massive activations through the sites, the ranked units, and a card."""

from abc import abstractmethod
from typing import TYPE_CHECKING

import polars as pl

from edgescope.intervene.origins.causes_words import finest, set_named
from edgescope.lib.errors import InputError
from edgescope.lib.plurals import plural
from edgescope.lib.stored_tables import StoredTables
from edgescope.plots.cause_panels import best_units, draw_path, draw_units, shares_left
from edgescope.plots.formats import between, percent
from edgescope.plots.given_axes import drawn_on, heading
from edgescope.plots.notebook_card import Cell, Tone, badge, card, code, joined, see, table
from edgescope.plots.svg import label_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CausesPictures(StoredTables):
    """How :class:`edgescope.Causes` draws itself."""

    @abstractmethod
    def table(self, of: str = "rewinds") -> pl.DataFrame:
        """Return a table."""

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
        models = self.table("sites").filter(level="model", unit="trained").to_dicts()
        patched, sites, shares = shares_left(self.table("paths").to_dicts(), models)
        if not patched or not sites:
            raise InputError(
                "nothing was patched, or nothing is massive, so there is no path to draw"
            )
        size = (label_width(patched) + max(4.5, 1.1 * len(sites)), 3.0 + 0.45 * len(patched))
        with drawn_on(ax, size) as axes:
            draw_path(axes, patched, sites, shares)
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
        rows = best_units(self.table().to_dicts(), chosen)
        if not rows:
            raise InputError("training has made nothing massive, so there is nothing to draw")
        names = list(dict.fromkeys(row["unit"] for row in rows))
        with drawn_on(ax, (label_width(names) + 5.0, 1.6 + 0.45 * len(names))) as axes:
            draw_units(axes, rows)
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
