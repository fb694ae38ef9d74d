"""A leaderboard drawn: its curves on axes, and a card of a notebook."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from edgescope.lib.errors import InputError
from edgescope.lib.plurals import plural
from edgescope.plots.fidelity_lines import MEASURES, SIDES, draw_fidelity
from edgescope.plots.formats import between, fixed
from edgescope.plots.given_axes import drawn_on, heading, named_or_first
from edgescope.plots.notebook_card import Cell, card, code, paragraph, see, table

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes


class LeaderboardPictures:
    """How :class:`edgescope.attribute.Leaderboard` draws itself."""

    curves: "pl.DataFrame"
    settings: Mapping[str, Any]

    @abstractmethod
    def table(self) -> "pl.DataFrame":
        """Return one row per data, recipe and method."""

    @abstractmethod
    def sentences(self, methods: Sequence[str] | None = None) -> list[str]:
        """Say what methods are worth."""

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        side: Literal["plus", "minus"] = "plus",
        data: str | None = None,
        recipe: str | None = None,
    ) -> "Axes":
        """Draw how far predictions move as bonds are removed, a line per method.

        The numbers are the means over trainings of ``curves``.

        Args:
            ax: axes to draw on; new ones by default, in a figure of pyplot's.
            side: ``"plus"``, the most important bonds are removed first, or ``"minus"``, the least.
            data: the data; by default the first that is on the board.
            recipe: the model; by default the first with these data.

        Raises:
            InputError: if there is no such side, data or recipe, or ``ax`` is something else.
            MissingExtraError: if matplotlib is not installed.
        """
        if side not in SIDES:
            raise InputError(f"received side={side!r}, expected one of {', '.join(SIDES)}")
        data = named_or_first(_names(self.curves, "data"), data, "data")
        rows = self.curves.filter(data=data)
        recipe = named_or_first(_names(rows, "recipe"), recipe, "recipe")
        measure = str(self.settings["measure"])
        found = mean_curves(rows.filter(recipe=recipe), measure)
        with drawn_on(ax) as axes:
            draw_fidelity(axes, found["shares"], found[side])
            axes.set_ylabel(MEASURES[measure])
            subject = ", ".join(filter(None, (data, recipe)))
            heading(axes, f"{SIDES[side]}\n{subject}")
        return axes

    def _repr_html_(self) -> str:
        """Return the leaderboard as a card of a notebook."""
        said, found = self.sentences(), self.table()
        subjects = found.select("data", "recipe").n_unique()
        told = [name for name in ("data", "recipe") if any(found[name])]
        cells: list[list[Cell]] = []
        for row in found.to_dicts():
            names = [*(row[name] for name in told), code(row["method"])]
            shown: list[Cell] = []
            for number in ("auroc", "plus", "minus"):
                low, high = row[f"{number}_low"], row[f"{number}_high"]
                shown += [fixed(row[number]), between(low, high, fixed)]
            cells.append([*names, *shown, row["forward_passes"]])
        numbers = ["AUROC", "95 %", "fidelity+", "95 %", "fidelity-", "95 %", "passes per graph"]
        return card(
            f"Leaderboard of {plural(found['method'].n_unique(), 'method')} on "
            f"{plural(subjects, 'model')}",
            said[0] if said else "nothing was judged",
            *(paragraph(line) for line in said[1:]),
            table([*told, "method", *numbers], cells, words=len(told) + 1, more="board.table()"),
            see("board.table()", "board.plot()", 'board.difference("massive", "random")'),
        )


def _names(rows: "pl.DataFrame", column: str) -> list[str]:
    return rows[column].unique(maintain_order=True).to_list()


def mean_curves(rows: "pl.DataFrame", measure: str) -> dict[str, Any]:
    """Return the mean over trainings of how far predictions move, by side and method."""
    import polars as pl

    mean = rows.group_by("side", "method", "share", maintain_order=True).agg(pl.col(measure).mean())
    curves: dict[str, Any] = {"shares": mean["share"].unique().sort().to_list()}
    for (side, method), part in mean.group_by("side", "method", maintain_order=True):
        curves.setdefault(str(side), {})[str(method)] = part.sort("share")[measure].to_list()
    return curves
