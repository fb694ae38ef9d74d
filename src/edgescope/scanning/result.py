"""The result of a scan: tables, histograms and the most massive activations of every site."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from warnings import warn

import polars as pl

from edgescope.capturing.coverage import Coverage, layer_of
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.graph_names import GraphNames
from edgescope.lib.handovers import handed
from edgescope.scanning import site_tables
from edgescope.scanning.criteria import Bounds, Rule, criterion
from edgescope.scanning.row_words import in_words
from edgescope.scanning.scan_pictures import ScanPictures
from edgescope.scanning.site_scan import ScanInfo, SiteScan
from edgescope.statistics.sketch import Ensemble, SiteSketch

__all__ = ["Scan", "ScanInfo", "SiteScan"]


class Scan(ScanPictures):
    """The result of :func:`edgescope.scan`.

    Attributes:
        info: what was scanned, and how.
        sites: name of every site to what was found there.
        smiles: SMILES of the graphs that its tables name, where the data has them.
        identifiers: what the columns of the user's table that tell which molecule it is hold for
            these graphs: name of the column, number of the graph, text.
        baseline: the scan to compare with, usually of the untrained model.
        members: the scans that a baseline of several models was merged from; empty otherwise.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> scan = es.scan(model, es.data.loader(graphs))
        >>> scan.table()["site"].to_list()
        ['layers.0.conv:score']
        >>> scan.by_edge_type(threshold=20)["edge_type"].to_list()
        ['plain', 'other', 'weak', 'strong', 'added']
    """

    baseline: "Scan | None"

    def __init__(
        self,
        sites: Mapping[str, SiteScan],
        info: ScanInfo,
        names: GraphNames | Mapping[int, str] | None = None,
        baseline: "Scan | None" = None,
        members: "Sequence[Scan]" = (),
    ) -> None:
        if baseline is not None and list(baseline.sites) != list(sites):
            raise InputError(
                f"the baseline has sites {', '.join(baseline.sites)}, expected "
                f"{', '.join(sites)}; scan the same architecture"
            )
        self.info = info
        self.sites: dict[str, SiteScan] = dict(sites)
        names = names if isinstance(names, GraphNames) else GraphNames(names)
        self.smiles = dict(names.smiles)
        self.identifiers = dict(names.identifiers)
        self.baseline = baseline
        self.members = tuple(members)
        self._gamma = {}

    def __repr__(self) -> str:
        """Say what was scanned."""
        compared = " against a baseline" if self.baseline else ""
        if self.baseline and self.baseline.members:
            compared = f" against {len(self.baseline.members)} untrained members"
        return (
            f"Scan({self.info.model} on {self.info.graphs} graphs, {len(self.sites)} sites"
            f"{compared})"
        )

    @property
    def names(self) -> GraphNames:
        """What names its graphs beside their numbers: ``smiles`` and ``identifiers``."""
        return GraphNames(self.smiles, self.identifiers)

    @property
    def coverage(self) -> Coverage | None:
        """Which attention of the model was looked at, and which not and why.

        ``None`` if that is not known, as of a scan that was saved by an earlier version or made
        from a log.
        """
        return self.info.coverage

    def without(self, layers: Mapping[str, str]) -> "Scan":
        """Return the scan, its baseline and members without the sites of some layers.

        Args:
            layers: path of each layer to the reason, for the coverage.
        """
        gone = {site for site in self.sites if layer_of(site) in layers}
        if not gone:
            return self
        coverage = self.coverage and self.coverage.without(layers)
        return Scan(
            {site: found for site, found in self.sites.items() if site not in gone},
            replace(self.info, coverage=coverage),
            self.names,
            self.baseline and self.baseline.without(layers),
            [member.without(layers) for member in self.members],
        )

    def __add__(self, other: "Scan") -> "Scan":
        """Return the scan of the graphs of both; see :func:`edgescope.merge_scans`."""
        merged: Scan = handed("merge_scans")([self, other])
        return merged

    def __getitem__(self, site: str) -> SiteSketch:
        """Return the sketch of a site.

        Raises:
            InputError: if there is no such site.
        """
        return self._site(site).sketch

    def can_test(self, rule: Rule) -> bool:
        """Say whether a rule tests sites, and there are untrained members enough to do so."""
        # Thresholds that were resolved before may come with a baseline of a single model.
        members = min(map(len, self._ensemble().values()), default=0)
        return 0 < rule.members_tested <= members

    def significant(self, criterion: str | Rule | None = None) -> list[str] | None:
        """Return the sites that the criterion's test calls massive; None if it tests none.

        Args:
            criterion: another criterion than the scan's.

        Raises:
            InputError: if the criterion tests sites, and the baseline is no ensemble.
        """
        rule = self._rule(criterion)
        if not rule.members_tested:
            return None
        judged = self.calibration(rule).filter("massive")
        return judged["site"].unique(maintain_order=True).to_list()

    def ensemble(self) -> Ensemble:
        """Return the sketches of every member, by site; of the scan itself if it has none."""
        members = self.members or (self,)
        return {site: [member[site] for member in members] for site in self.sites}

    def save(self, folder: str | Path) -> Path:
        """Write the scan, and its baseline, to a folder of Parquet and JSON files."""
        saved: Path = handed("save_scan")(self, Path(folder))
        return saved

    def report(self, path: str | Path, **options: Any) -> Path:
        """Write the scan as one self-contained HTML file, with a JSON file beside it.

        Keyword options are those of :func:`edgescope.report.write_report`.
        """
        written: Path = handed("write_report")(self, Path(path), **options)
        return written

    def massive(self, criterion: str | Rule | None = None) -> pl.DataFrame:
        """Return one row per massive activation, by site and falling ratio.

        Columns: site, graph, edge (position in the graph, or within its relation; -1 if it is of
        the type ``"added"``), source (the node attended to), target (the node that attends, in
        row 0 of ``edge_index`` if the layer has ``flow="target_to_source"``), head, channel, value,
        ratio, edge_type (its name). Where the data have identifiers, they stand after graph, under
        the names of their columns, or with ``id_`` in front of names such as those above. If the
        model was given several graphs in one call, the second column is input: the name of the one
        that the edge belongs to; graph is then the position of the item that holds them all.
        In a scan of node states a row is a node: edge, source and target are one column, node (its
        number in its graph), and node_type stands for edge_type.
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
        return self._worded(self._kept(self._rule(criterion)))

    def _kept(self, rule: Rule) -> pl.DataFrame:
        return pl.concat(rule.select(rows) for rows in self._named("rows"))

    def _worded(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return a table with the names of its columns, and of the graphs."""
        return self.names.beside(in_words(table, self.info.rows))

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
        found = site_tables.massive_edges(self.sites, self._kept(rule), complete)
        return in_words(found, self.info.rows)

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
        return self._worded(pl.concat(self._named("extremes")))

    def nonfinite(self) -> pl.DataFrame:
        """Return, per site, the graphs with edges that hold a NaN or an infinity."""
        return self._worded(pl.concat(self._named("nonfinite")))

    def _named(self, table: str) -> Iterator[pl.DataFrame]:
        """Yield a table of every site, with the names of the site and of edge types."""
        several = any(found.of.inputs for found in self.sites.values())
        for site, found in self.sites.items():
            yield site_tables.named(site, getattr(found, table), self.info.edge_type_names, several)

    def _site(self, site: str) -> SiteScan:
        if site not in self.sites:
            raise InputError(
                f"the scan has no site {site!r}; its sites are {', '.join(self.sites)}"
            )
        return self.sites[site]

    def _rule(self, rule: str | Rule | None) -> Rule:
        """Return a rule with its thresholds, the scan's own by default."""
        if rule is None:
            return self.info.criterion
        asked, ensemble = criterion(rule), self._ensemble()
        resolved = asked.resolve(ensemble)
        asked.warn_unsupported(len(next(iter(ensemble.values()), ())), stacklevel=3)
        return resolved

    def _ensemble(self) -> Ensemble:
        """Return the sketches of what the scan is compared with, by site."""
        return {} if self.baseline is None else self.baseline.ensemble()


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
