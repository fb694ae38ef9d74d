"""An interpretation drawn: prevalence by group on axes, and a card of a notebook."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from edgescope.interpret.group_enrichment import ANY
from edgescope.plots.forests import draw_groups
from edgescope.plots.formats import interval, number, percent
from edgescope.plots.given_axes import drawn_on, heading, named_or_first
from edgescope.plots.notebook_card import Cell, badge, card, joined, see, table
from edgescope.plots.svg import label_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUPS = 16
"""Groups of a kind that are drawn, those with the most edges."""


_PLACE = ("kind", "site")

FDR = 0.05
"""False-discovery rate up to which a group is called enriched or depleted, by convention.

Example:
    >>> from edgescope.interpret import FDR
    >>> FDR
    0.05
"""


class InterpretationPictures:
    """How :class:`edgescope.interpret.Interpretation` draws itself."""

    enrichment: pl.DataFrame
    overall: pl.DataFrame | None
    info: dict[str, Any]

    @abstractmethod
    def conclusion(self) -> str:
        """Say in a sentence how many groups massive edges prefer or avoid."""

    @abstractmethod
    def notable(self, most: int | None = 3) -> pl.DataFrame:
        """Return, per kind, the groups that massive edges prefer and avoid most."""

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        by: str | None = None,
        site: str | None = None,
        most: int = GROUPS,
        fdr: float = FDR,
    ) -> "Axes":
        """Draw the share of massive edges in every group of a kind, with its 95 % interval.

        The numbers are those of :meth:`table <edgescope.interpret.Interpretation.table>`; filled
        marks are groups with more or fewer massive edges than similar edges of the same graphs.

        Args:
            ax: axes to draw on; new ones by default, in a figure of pyplot's.
            by: the kind of groups; by default the first.
            site: the site; by default all of them together, an edge being massive if it is at some.
            most: how many groups are drawn, those with the most edges.
            fdr: q-value up to which a difference counts.

        Raises:
            InputError: if there is no such kind or site, or ``ax`` is something else.
            MissingExtraError: if matplotlib is not installed.
        """
        every = self.enrichment
        kinds, sites = (every[name].unique(maintain_order=True).to_list() for name in _PLACE)
        by = named_or_first(kinds, by, "by")
        site = named_or_first(sorted(sites, key=lambda name: name != ANY), site, "site")
        rows = every.filter(kind=by)
        groups = largest_groups(rows, most)
        shown = rows.filter(pl.col("site") == site, pl.col("group").is_in(groups)).to_dicts()
        overall = () if self.overall is None else self.overall.to_dicts()
        with drawn_on(ax, (label_width(groups) + 5.5, 1.8 + 0.26 * len(groups))) as axes:
            draw_groups(axes, shown, groups, fdr, overall_share(overall, by, site))
            where = "some site" if site == ANY else site
            heading(axes, f"Massive edges by {by}, at {where}")
        return axes

    def _repr_html_(self) -> str:
        """Return the interpretation as a card of a notebook."""
        info, found = self.info, self.notable()
        clear = bool(((found["enriched"] > 0) | (found["depleted"] > 0)).any())
        mark = (
            badge("some groups differ", "warn") if clear else badge("no clear difference", "plain")
        )
        rows: list[list[Cell]] = [
            [
                *(row["kind"], row["group"], row["edges"], row["massive"]),
                *(percent(row["prevalence"]), interval(row["low"], row["high"])),
                *(row["over_expected"], number(row["q"])),
            ]
            for row in found.to_dicts()
        ]
        columns = ["kind", "group", "edges", "massive", "share", "95 %", "times expected", "q"]
        on = f" on {info['data']}" if info.get("data") else ""
        return card(
            f"What massive edges of {info.get('model', 'a model')}{on} sit on",
            joined(mark, self.conclusion()),
            table(columns, rows, words=2, more="interpretation.notable(None)", most=18),
            see("interpretation.table()", "interpretation.notable()", "interpretation.plot()"),
        )


def largest_groups(rows: pl.DataFrame, most: int = GROUPS) -> list[str]:
    """Return the groups of a kind with the most edges, in the order of the table.

    Args:
        rows: the rows of the kind.
        most: how many.
    """
    groups = rows.unique("group", keep="first", maintain_order=True).select("group", "edges")
    largest = set(groups.sort("edges", descending=True, maintain_order=True)["group"][:most])
    return [name for name in groups["group"].to_list() if name in largest]


def overall_share(overall: Iterable[Mapping[str, Any]], kind: str, site: str) -> float | None:
    """Return the share of massive edges among all of which a kind can be told.

    Args:
        overall: the rows of an interpretation's ``overall``.
        kind: the kind.
        site: the site.
    """
    for row in overall:
        if (row["kind"], row["site"]) == (kind, site) and row["edges"]:
            return float(row["massive"] / row["edges"])
    return None
