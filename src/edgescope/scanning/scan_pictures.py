"""A scan drawn: its sites, maxima, histograms, heat maps and edge types on axes; one graph."""

from math import isfinite
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from edgescope.lib.errors import InputError
from edgescope.lib.optional import require
from edgescope.lib.visible_text import visible
from edgescope.plots.axes import scanned_states
from edgescope.plots.formats import number, percent
from edgescope.plots.given_axes import drawn_on, heading
from edgescope.plots.ratio_histogram import draw_ratio_histogram, say_failures
from edgescope.plots.site_panels import draw_graph_maxima, draw_heat_map, draw_largest, draw_shares
from edgescope.plots.svg import label_width
from edgescope.scanning.graph_picture import GraphPictures
from edgescope.scanning.site_distributions import densities_of, graph_maxima, histogram
from edgescope.scanning.site_shares import edge_types, main_axis
from edgescope.scanning.tables import ScanTables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["maxima", "graphs", "histogram", "heat_map", "types"]
"""What :meth:`edgescope.Scan.plot` draws."""

_AXES = ("ratio", "magnitude")
"""In the order of the rows of a sketch's maxima."""


_RATIOS = 34
"""Points that the axis of ratios takes above a histogram."""


class _Asked(NamedTuple):
    """What is to be drawn."""

    site: str
    axis: str
    threshold: float | None


class ScanPictures(GraphPictures):
    """How :class:`edgescope.Scan` draws itself."""

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        kind: Kind = "maxima",
        site: str | None = None,
        threshold: float | None = None,
    ) -> "Axes":
        """Draw the scan on axes of matplotlib, and return them.

        ===============  =======================================================================
        ``"maxima"``     the largest of every site, trained over untrained; the numbers of
                         :meth:`table`
        ``"graphs"``     the largest ratio of every graph at one site, sorted, trained over
                         untrained: the published figure
        ``"histogram"``  the ratios of one site, with the gamma law of :meth:`gamma`
        ``"heat_map"``   the share of edges over the threshold, per head and channel of one
                         site; the numbers of :meth:`heat_map`
        ``"types"``      the share of edges over the threshold by edge type (node type in a scan
                         of node states) at one site, with 95 % intervals; the numbers of
                         :meth:`by_edge_type`
        ===============  =======================================================================

        ``"maxima"``, ``"heat_map"`` and ``"types"`` are of ratios, or of magnitudes where the
        criterion bounds only these.

        Args:
            ax: axes to draw on; new ones by default, in a figure of pyplot's.
            kind: what to draw.
            site: the site; that with the largest value by default.
            threshold: the ratio, or magnitude, to exceed; that of the criterion by default.

        Raises:
            InputError: if there is no such kind or site, ``ax`` is something else, or there is
                nothing to draw.
            MissingExtraError: if matplotlib is not installed.
        """
        if kind not in get_args(Kind):
            known = ", ".join(get_args(Kind))
            raise InputError(f"received kind={kind!r}, expected one of {known}")
        axis = main_axis(self)
        if site is None:
            row = _AXES.index(axis)
            site = max(self.sites, key=lambda name: float(self[name].maxima[row].max()))
        self[site]
        with drawn_on(ax, self._size(kind, site)) as axes:
            title = getattr(self, f"_draw_{kind}")(axes, _Asked(site, axis, threshold))
            heading(axes, title, above=_RATIOS if kind == "histogram" else 0)
        return axes

    def _size(self, kind: Kind, site: str) -> tuple[float, float] | None:
        """Return the size of a new figure in inches; None for the usual one."""
        if kind == "maxima":
            return label_width(self.sites) + 5.5, 1.7 + 0.3 * len(self.sites)
        if kind == "types":
            return 6.4, 1.8 + 0.55 * len(self.info.edge_type_names)
        if kind == "heat_map":
            return 6.4, min(1.9 + 0.3 * self[site].layout.heads, 4.8)
        return None

    def _states(self) -> dict[str, ScanTables]:
        """Return what is drawn, in order."""
        before = {} if self.baseline is None else {"untrained": self.baseline}
        return {**before, "trained": self}

    def _labels(self) -> dict[str, str]:
        return scanned_states(compared=self.baseline is not None)

    def _mark(self, site: str, axis: str, threshold: float | None) -> float | None:
        """Return the threshold that is marked in a figure of a site, if there is one."""
        bound = getattr(self.info.criterion.bounds(site), axis) if threshold is None else threshold
        return float(bound) if isfinite(bound) else None

    def _draw_maxima(self, axes: "Axes", asked: _Asked) -> str:
        row = _AXES.index(asked.axis)
        largest = {
            state: [float(of[name].maxima[row].max()) for name in self.sites]
            for state, of in self._states().items()
        }
        limits = [self._mark(name, asked.axis, asked.threshold) for name in self.sites]
        draw_largest(axes, largest, limits, self._labels())
        axes.set_yticks(range(len(limits)), list(map(visible, self.sites)))
        axes.set_ylim(len(limits) - 0.4, -0.6)
        axes.set_xlabel(asked.axis)
        return f"Largest {asked.axis} of every site"

    def _draw_graphs(self, axes: "Axes", asked: _Asked) -> str:
        maxima = {state: graph_maxima(of[asked.site]) for state, of in self._states().items()}
        limit = self._mark(asked.site, "ratio", asked.threshold)
        draw_graph_maxima(axes, maxima, limit, self._labels())
        return f"Largest ratio of every graph\n{asked.site}"

    def _draw_histogram(self, axes: "Axes", asked: _Asked) -> str:
        site, states = asked.site, self._states()
        y, densities = densities_of(histogram({name: of[site] for name, of in states.items()}))
        if "trained" not in densities:
            raise InputError(f"no {self.info.rows} has a defined ratio at {site}, nothing to draw")
        laws = {state: vars(of.gamma(site)) for state, of in states.items()}
        limit = self._mark(site, "ratio", asked.threshold)
        draw_ratio_histogram(axes, y, densities, laws, limit, self._labels(), logarithmic=True)
        say_failures(axes, laws)
        return f"Ratios\n{site}"

    def _draw_heat_map(self, axes: "Axes", asked: _Asked) -> str:
        site, axis, threshold = asked
        limit = self._threshold(site, threshold, axis)
        if threshold is None:
            limit = max(limit, self[site].layout.lowest_joint(axis))
        share, exact = self[site].heat_map(limit, None, axis)
        ticker = require("matplotlib.ticker", "report")
        image = draw_heat_map(axes, share, float(share.max()) or 1.0)
        bar = axes.figure.colorbar(image, ax=axes, label=f"share of {self.info.rows}s")
        bar.ax.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: percent(value)))
        return f"{axis.title()} above {number(exact)}\n{site}"

    def _draw_types(self, axes: "Axes", asked: _Asked) -> str:
        site, axis, threshold = asked
        limit = self._threshold(site, threshold, axis)
        every = edge_types(self, axis, limit)
        rows = [row for row in every if row["site"] == site and row["edges"]]
        if not rows:
            raise InputError(f"no {self.info.rows} has a defined {axis} at {site}, nothing to draw")
        what = f"{self.info.rows}s with a {axis} above {number(limit)}"
        draw_shares(axes, rows, what, self._labels())
        return f"Massive {self.info.rows}s by type\n{site}"
