"""Which activations a scan keeps one by one, and which rules these can answer."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from warnings import warn

import polars as pl

from edgescope import tables
from edgescope.errors import EdgescopeWarning, InputError
from edgescope.graph_names import GraphNames
from edgescope.records import ScanInfo, SiteScan
from edgescope.statistics.rules import Bounds, Rule


class KeptRows(ABC):
    """What a scan knows of single activations and single graphs.

    Attributes:
        info: what was scanned, and how.
        sites: name of every site to what was found there.
    """

    info: ScanInfo
    sites: dict[str, SiteScan]

    @property
    @abstractmethod
    def names(self) -> GraphNames:
        """What names the graphs beside their numbers."""

    @abstractmethod
    def _rule(self, rule: str | Rule | None) -> Rule:
        """Return a rule with its thresholds, the scan's own by default."""

    def massive(self, criterion: str | Rule | None = None) -> pl.DataFrame:
        """Return one row per massive activation, by site and falling ratio.

        Columns: site, graph, edge (position in the graph, or within its relation; -1 if it is of
        the type ``"added"``), source (the node attended to), target (the node that attends, in
        row 0 of ``edge_index`` if the layer has ``flow="target_to_source"``), head, channel, value,
        ratio, edge_type (its name). Where the data have identifiers, they stand after graph, under
        the names of their columns, or with ``id_`` in front of names such as those above. If the
        model was given several graphs in one call, the second column is input: the name of the one
        that the edge belongs to; graph is then the position of the item that holds them all.
        Likewise if ``call`` runs the model several times on a
        batch: rows of the second are of the input ``"call 2"``.

        Args:
            criterion: another rule than the scan's.

        Raises:
            InputError: if the rule reaches below the ratio at which the scan kept activations.
        """
        rule = self._rule(criterion)
        for site in self.sites:
            _check(site, rule, self.floor(site))
        lost = [s for s, found in self.sites.items() if found.seen > found.rows.height]
        if lost:
            warn(
                f"only the {self.info.max_rows} largest ratios were kept at {', '.join(lost)}; "
                "counts in table() and by_edge_type() are complete, scan with a larger max_rows "
                "for all rows",
                EdgescopeWarning,
                stacklevel=2,
            )
        return self.kept(rule)

    def kept(self, criterion: str | Rule | None = None) -> pl.DataFrame:
        """Return the massive activations that the scan kept, which may not be all there are.

        As :meth:`massive`, but without its objections: for showing examples, not for counting.

        Args:
            criterion: another rule than the scan's.
        """
        rule = self._rule(criterion)
        return self.names.beside(pl.concat(rule.select(rows) for rows in self._named("rows")))

    def massive_edges(self) -> pl.DataFrame:
        """Return, per site, how many edges hold an activation that the criterion calls massive.

        Columns: site, edges (all of them), massive, complete. They are counted one by one from
        what was kept: where complete is false, not everything was, and there may be more.
        """
        rule = self.info.criterion
        complete = {
            site: _reaches(rule.bounds(site), self.floor(site)) and found.seen == found.rows.height
            for site, found in self.sites.items()
        }
        return tables.massive_edges(self.sites, self.kept(), complete)

    def floor(self, site: str) -> Bounds:
        """Return what was kept of a site one by one: what exceeds one of these."""
        asked = self.info.criterion.bounds(site)
        ratio, magnitude = self.info.keep_ratio, self.info.keep_magnitude
        return Bounds(
            asked.ratio if ratio is None else ratio,
            asked.magnitude if magnitude is None else magnitude,
        )

    def extremes(self) -> pl.DataFrame:
        """Return, per site, the activations with the largest ratio and the largest magnitude."""
        return self.names.beside(pl.concat(self._named("extremes")))

    def nonfinite(self) -> pl.DataFrame:
        """Return, per site, the graphs with edges that hold a NaN or an infinity."""
        return self.names.beside(pl.concat(self._named("nonfinite")))

    def _named(self, table: str) -> Iterator[pl.DataFrame]:
        """Yield a table of every site, with the names of the site and of edge types."""
        several = any(found.of.inputs for found in self.sites.values())
        for site, found in self.sites.items():
            yield tables.named(site, getattr(found, table), self.info.edge_type_names, several)


def _reaches(needed: Bounds, kept: Bounds) -> bool:
    """Say whether everything above the bounds that a rule needs was kept."""
    return needed.ratio >= kept.ratio and needed.magnitude >= kept.magnitude


def _check(site: str, rule: Rule, kept: Bounds) -> None:
    """Refuse a rule that asks for activations which were not kept.

    Raises:
        InputError: if it does.
    """
    needed = rule.bounds(site)
    if needed.ratio < kept.ratio:
        raise InputError(
            f"the scan kept activations with a ratio above {kept.ratio:g}, the criterion "
            f"asks for {needed.ratio:g} at {site}; scan again with keep_ratio={needed.ratio:g}"
        )
    if needed.magnitude < kept.magnitude:
        raise InputError(
            f"the scan kept no activations for their magnitude alone, the criterion "
            f"{rule.name!r} asks for those above {needed.magnitude:g} at {site}; "
            "scan again with this criterion"
        )
