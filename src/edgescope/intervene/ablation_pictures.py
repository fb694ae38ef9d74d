"""An ablation drawn: a forest of its effects on axes, and a card of a notebook."""

from abc import abstractmethod
from typing import TYPE_CHECKING

import polars as pl

from edgescope.lib.errors import InputError
from edgescope.lib.plurals import plural
from edgescope.lib.stored_tables import StoredTables
from edgescope.lib.task_metrics import known_metric
from edgescope.plots.forests import SELECTIONS, draw_ablation, replaced, sites_of
from edgescope.plots.formats import between, percent
from edgescope.plots.given_axes import drawn_on, heading
from edgescope.plots.notebook_card import (
    Cell,
    Tone,
    badge,
    card,
    code,
    joined,
    paragraph,
    see,
    table,
)
from edgescope.plots.svg import label_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class AblationPictures(StoredTables):
    """How :class:`edgescope.Ablation` draws itself."""

    @abstractmethod
    def table(self) -> pl.DataFrame:
        """Return one row per site and selection."""

    @abstractmethod
    def verdict(self) -> str:
        """Say in a few words whether what was chosen did more than its controls."""

    @property
    def drawn(self) -> tuple[str, str]:
        """The columns of the effect and of its excess: of the metric, or of the predictions."""
        return ("moved", "moved_excess") if self.info.metric is None else ("change", "excess")

    @property
    def effect(self) -> str:
        """What the effect is called on axes."""
        metric = self.info.metric
        return f"change of {known_metric(metric).words}" if metric else "mean change of predictions"

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the effect at every site with its 95 % interval, beside those of the controls.

        The numbers are those of :meth:`table`.

        Args:
            ax: axes to draw on; new ones by default, in a figure of pyplot's.

        Raises:
            InputError: if nothing was replaced, or ``ax`` is something else.
            MissingExtraError: if matplotlib is not installed.
        """
        rows = replaced(self.table().to_dicts())
        if not rows:
            raise InputError("nothing was replaced, so there is nothing to draw")
        names = sites_of(rows)
        size = (label_width(names) + 6.0, 1.6 + 0.5 * len(names))
        with drawn_on(ax, size) as axes:
            draw_ablation(axes, rows, self.drawn[0], self.effect)
            heading(axes, f"{self.info.where} replaced ({self.info.value}), {self.info.model}")
        return axes

    def _repr_html_(self) -> str:
        """Return the ablation as a card of a notebook."""
        info, verdict = self.info, self.verdict()
        tone: Tone = "warn" if verdict.startswith("more") else "plain"
        on = f" on {info.data}" if info.data else ""
        axis, excess = self.drawn
        columns = ["site", "replaced", "activations", "share", self.effect, "95 %"]
        cells: list[list[Cell]] = []
        named = ""
        for row in replaced(self.table().to_dicts()):
            words = SELECTIONS.get(row["selection"], (row["selection"],))[0]
            shown = [row[axis], between(row[f"{axis}_low"], row[f"{axis}_high"])]
            beyond = [row[excess], between(row[f"{excess}_low"], row[f"{excess}_high"])]
            size = [row["activations"], percent(row["share"])]
            site = "" if row["site"] == named else code(row["site"])
            named = row["site"]
            cells.append([site, words, *size, *shown, *beyond])
        return card(
            f"Ablation of {info.model}{on}: {plural(info.graphs, 'graph')}",
            joined(badge(verdict, tone) if verdict else "", self.conclusion()),
            table([*columns, "chosen beyond it", "95 %"], cells, words=2, more="ablation.table()")
            if cells
            else paragraph("nothing was replaced"),
            see("ablation.table()", "ablation.plot()"),
        )
