"""A scan as a card of a notebook: what is massive, and where, before all numbers."""

from abc import abstractmethod

import polars as pl

from edgescope.capturing.coverage import Coverage
from edgescope.lib.graph_names import GraphNames
from edgescope.lib.graph_names import called as called_graph
from edgescope.lib.plurals import plural
from edgescope.plots.formats import number, percent
from edgescope.plots.notebook_card import (
    Cell,
    Html,
    badge,
    card,
    code,
    joined,
    paragraph,
    see,
    table,
)
from edgescope.scanning.aromatic_bonds import aromatic
from edgescope.scanning.criteria import Rule
from edgescope.scanning.row_words import as_edges, type_words
from edgescope.scanning.tables import ScanTables

Counted = tuple[str, int, int, bool]
"""A row of :meth:`edgescope.Scan.massive_edges`."""


class ScanCard(ScanTables):
    """How :class:`edgescope.Scan` shows itself in a notebook."""

    smiles: dict[int, str]

    @property
    @abstractmethod
    def names(self) -> GraphNames:
        """What names its graphs beside their numbers."""

    @property
    @abstractmethod
    def coverage(self) -> Coverage | None:
        """Which attention of the model was looked at."""

    @abstractmethod
    def kept(self, criterion: str | Rule | None = None) -> pl.DataFrame:
        """Return the massive activations that the scan kept."""

    @abstractmethod
    def massive_edges(self) -> pl.DataFrame:
        """Return, per site, how many edges hold a massive activation."""

    @abstractmethod
    def extremes(self) -> pl.DataFrame:
        """Return, per site, the activations with the largest ratio and magnitude."""

    @abstractmethod
    def significant(self, criterion: str | Rule | None = None) -> list[str] | None:
        """Return the sites that the criterion's test calls massive."""

    def _repr_html_(self) -> str:
        """Return the scan as a card of a notebook."""
        info, counted = self.info, self.massive_edges().rows()
        called = self.significant() if self.can_test(info.criterion) else None
        if called is None:
            called = [site for site, _, massive, _ in counted if massive]
        on = f" on {info.data}" if info.data else ""
        sizes = f"{plural(info.graphs, 'graph')}, {plural(len(self.sites), 'site')}"
        return card(
            f"Scan of {info.model}{on}: {sizes}, {self._against()}",
            self._lead(counted, called),
            *self._warnings(),
            self._by_site(counted, called),
            see("scan.table()", "scan.plot()", "scan.show()", 'scan.report("scan.html")'),
        )

    def _against(self) -> str:
        members = min(map(len, self._ensemble().values()), default=0)
        if not members:
            return "no untrained model to compare with"
        return f"compared with {plural(members, 'untrained model')}"

    def _lead(self, counted: list[Counted], called: list[str]) -> Html:
        rule = f"({self.info.criterion.in_words()})"
        sites = plural(len(self.sites), "site")
        if not called:
            clear = self.coverage is not None and self.coverage.complete
            mark = badge("nothing massive", "good" if clear else "plain")
            return joined(mark, f"at {sites} {rule}{self._top()}")
        least = "" if all(complete for *_, complete in counted) else "at least "
        rows = plural(sum(massive for _, _, massive, _ in counted), self.info.rows)
        mark = badge(f"massive at {len(called)} of {sites}", "warn")
        return joined(mark, f"on {least}{rows} {rule}{self._top()}")

    def _top(self) -> str:
        """Say where the largest ratio is."""
        found = as_edges(self.extremes(), self.info.rows).filter(largest="ratio")
        if not found.height:
            return ""
        (top,) = self.names.rows(found.sort("ratio", descending=True).head(1))
        known = aromatic(self, top)
        edge = type_words(str(top["edge_type"]), self.info.rows, aromatic=known)
        site = top["site"]
        where = f"at {site}, on {edge} of {called_graph(top['graph'], top.get('identifiers', {}))}"
        before = ""
        if self.baseline is not None:
            before = f" (untrained {number(float(self.baseline[site].maxima[0].max()))})"
        return f"; largest ratio {number(top['ratio'])}{before} {where}"

    def _warnings(self) -> list[Html]:
        broken = [site for site in self.sites if int(self[site].counts["nonfinite"].sum())]
        said = []
        if broken:
            mark = badge("not finite", "bad")
            said.append(paragraph(joined(mark, f"NaN or infinity at {', '.join(broken)}")))
        seen = self.coverage
        if seen is not None and not seen.complete:
            mark = badge("no all-clear", "warn")
            said.append(paragraph(joined(mark, seen.sentence())))
        return said

    def _by_site(self, counted: list[Counted], called: list[str]) -> Html:
        columns = ["site", f"{self.info.rows}s", "massive", "share"]
        for name in ("ratio", "magnitude"):
            columns += [f"largest {name}"] + (["untrained"] if self.baseline is not None else [])
        cells: list[list[Cell]] = []
        for site, edges, massive, complete in counted:
            name = joined(code(site), badge("massive", "warn") if site in called else "")
            states = [self[site]] + ([] if self.baseline is None else [self.baseline[site]])
            largest = [float(of.maxima[axis].max()) for axis in range(2) for of in states]
            count = number(massive) if complete else f"{number(massive)} or more"
            share = percent(massive / edges if edges else None)
            cells.append([name, edges, count, share, *largest])
        return table(columns, cells, words=1, more="scan.table()")
