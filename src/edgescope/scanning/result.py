"""The result of a scan: tables, histograms and the most massive activations of every site."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.capturing.coverage import Coverage, layer_of
from edgescope.lib.errors import InputError
from edgescope.lib.graph_names import GraphNames
from edgescope.lib.mistakes import check_number
from edgescope.scanning import tables
from edgescope.scanning.site_scan import ScanInfo, SiteScan
from edgescope.scanning.tables import KeptRows
from edgescope.statistics import evidence
from edgescope.statistics.calibrated import warn_unsupported
from edgescope.statistics.criteria import Bounds, CalibratedCriterion, Ensemble, Rule, criterion
from edgescope.statistics.gamma import GammaFit, fit_gamma
from edgescope.statistics.sketch import SiteSketch

__all__ = ["Scan", "ScanInfo", "SiteScan"]


class Scan(KeptRows):
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
        self._gamma: dict[str, GammaFit] = {}

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
        """Return the scan of the graphs of both; see :func:`edgescope.scanning.merge.merge_scans`."""
        from edgescope.scanning.merge import merge_scans

        return merge_scans([self, other])

    def __getitem__(self, site: str) -> SiteSketch:
        """Return the sketch of a site.

        Raises:
            InputError: if there is no such site.
        """
        return self._site(site).sketch

    def table(self, threshold: float | None = None) -> pl.DataFrame:
        """Return one row per site: sizes, maxima, prevalence and the fitted gamma law.

        Columns that end in ``_untrained`` describe the baseline. ``growth`` is the largest
        magnitude over the median magnitude of the same site in the baseline; NaN if that is 0.

        Args:
            threshold: ratio that an edge's largest activation must exceed to be counted; that
                of the criterion by default.
        """
        if threshold is not None:
            check_number(threshold, "threshold")
        judged = self._judged() if threshold is None else {}
        rows = []
        for site in self.sites:
            limit = self.info.criterion.bounds(site).ratio if threshold is None else threshold
            rows.append(tables.compared(self, site, limit) | judged.get(site, {}))
        return pl.DataFrame(rows)

    def calibration(self, criterion: str | Rule | None = None) -> pl.DataFrame:
        """Return what the calibrated criterion rests on, one row per site and axis.

        Columns: site, axis (ratio or magnitude), threshold, edges, over, expected (how many of the
        edges would be over it at the stated rate), exceedance (share that is over it), members (of
        the ensemble), member_low, member_median and member_high (the threshold that a member by
        itself would have), spread, freedom and skewness (standard deviation of its natural
        logarithm between members, the degrees of freedom of that, and the skewness of its law),
        extrapolated (whether the threshold lies beyond all edges of all members), members_over (how
        many have an edge over it), supported (the smallest rate on this axis whose threshold an
        edge of the members still reaches), p (rank of the site's extremity among those of all
        models, sites and axes; see :func:`edgescope.statistics.extremity.p_values`), q (the chance
        of such a site anywhere in an untrained model; see
        :func:`edgescope.statistics.extremity.q_value`) and massive (whether q is at most the
        criterion's ``fdr``, and some edge over the threshold). The stated rate is half of the
        criterion's on each axis.

        Args:
            criterion: another calibrated criterion than the scan's.

        Raises:
            InputError: if the criterion is not calibrated, or the baseline no ensemble.
        """
        rule = self._rule(criterion)
        if not isinstance(rule, CalibratedCriterion):
            raise InputError(
                f"received the criterion {rule.name!r}, expected 'calibrated' or an "
                "edgescope.Calibrated"
            )
        sketches = {site: self[site] for site in self.sites}
        if self.baseline is None:
            raise InputError(
                "the scan has no untrained ensemble as its baseline; scan with "
                "baseline=es.Untrained()"
            )
        return evidence.calibration(sketches, self._ensemble(), rule)

    def ensemble(self) -> Ensemble:
        """Return the sketches of every member, by site; of the scan itself if it has none."""
        members = self.members or (self,)
        return {site: [member[site] for member in members] for site in self.sites}

    def by_edge_type(self, threshold: float | None = None, axis: str = "ratio") -> pl.DataFrame:
        """Return, per site and edge type, how many edges hold a ratio above a threshold.

        Columns: site, edge_type, edges (with a defined ratio; for the axis ``"magnitude"``, all
        that are finite), over, rate, low and high (Wilson
        interval of the rate at 95 %), enrichment (rate over the rate of all edges of the site),
        threshold (at which the counts are exact: the nearest bin edge, at most 0.4 % off).

        The interval takes edges as independent. Edges of a graph are not, so it is too narrow.

        Args:
            threshold: the ratio or magnitude to exceed; that of the criterion by default.
            axis: what is compared with it, ``"ratio"`` or ``"magnitude"``.

        Raises:
            InputError: if no threshold is given and the criterion has none on that axis.
        """
        names = self.info.edge_type_names
        rows = []
        for site, found in self.sites.items():
            limit = self._threshold(site, threshold, axis)
            of_site = tables.edge_types(found.sketch, names, limit, axis)
            rows += [{"site": site} | row for row in of_site]
        return pl.DataFrame(rows)

    def heat_map(
        self, site: str, threshold: float | None = None, edge_type: str | None = None
    ) -> NDArray[np.float64]:
        """Return the share of edges whose ratio exceeds a threshold, per head and channel.

        Args:
            site: name of the site.
            threshold: the ratio to exceed; that of the criterion by default. The nearest edge of
                the joint histogram's bins is used.
            edge_type: name of an edge type; without it, all edges.

        Returns:
            Shares ``[H, D]``; NaN if there are no such edges.
        """
        names = self.info.edge_type_names
        if edge_type is not None and edge_type not in names:
            raise InputError(f"unknown edge type {edge_type!r}, expected one of {', '.join(names)}")
        number = None if edge_type is None else names.index(edge_type)
        return self[site].heat_map(self._threshold(site, threshold, "ratio"), number)[0]

    def gamma(self, site: str) -> GammaFit:
        """Return the gamma law fitted to -log10 of a site's ratios, as published."""
        if site not in self._gamma:
            self._gamma[site] = fit_gamma(self[site])
        return self._gamma[site]

    def save(self, folder: str | Path) -> Path:
        """Write the scan, and its baseline, to a folder of Parquet and JSON files."""
        from edgescope.scanning.store import save_scan

        return save_scan(self, Path(folder))

    def report(self, path: str | Path, **options: Any) -> Path:
        """Write the scan as one self-contained HTML file, with a JSON file beside it.

        Keyword options are those of :func:`edgescope.report.write_report`.
        """
        from edgescope.report import write_report

        return write_report(self, Path(path), **options)

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
        warn_unsupported(asked, len(next(iter(ensemble.values()), ())), stacklevel=3)
        return resolved

    def _ensemble(self) -> Ensemble:
        """Return the sketches of what the scan is compared with, by site."""
        return {} if self.baseline is None else self.baseline.ensemble()

    def _judged(self) -> dict[str, dict[str, Any]]:
        """Return what a calibrated criterion says of every site."""
        # Thresholds that were resolved before may come with a baseline of a single model.
        rule = self.info.criterion
        if not isinstance(rule, CalibratedCriterion) or not evidence.large_enough(self._ensemble()):
            return {}
        return evidence.calibrated(self.calibration())

    def _threshold(self, site: str, threshold: float | None, axis: str) -> float:
        """Return a ratio or magnitude to count at, that of the criterion by default."""
        if axis not in Bounds._fields:
            raise InputError(f"received axis={axis!r}, expected one of {', '.join(Bounds._fields)}")
        if threshold is not None:
            check_number(threshold, "threshold")
            return threshold
        limit: float = getattr(self.info.criterion.bounds(site), axis)
        if limit == inf:
            raise InputError(
                f"the criterion {self.info.criterion.name!r} does not bound the {axis} at {site}; "
                "pass threshold="
            )
        return limit
