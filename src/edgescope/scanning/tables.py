"""What a scan tells: its tables, maps and laws, site by site."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.capturing.coverage import layer_of
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_number
from edgescope.scanning import site_tables
from edgescope.scanning.compare import compare_scans
from edgescope.scanning.concentration import concentration_table
from edgescope.scanning.criteria import Bounds, Rule
from edgescope.scanning.criteria.evidence import by_site
from edgescope.scanning.families import laws_table
from edgescope.scanning.row_words import in_words
from edgescope.scanning.site_scan import Rows, ScanInfo, SiteScan
from edgescope.statistics.bootstrap import RESAMPLES
from edgescope.statistics.gamma import GammaFit, fit_gamma
from edgescope.statistics.laws import LAWS
from edgescope.statistics.sketch import Ensemble, SiteSketch


class ScanTables(ABC):
    """The tables of :class:`edgescope.Scan`.

    Attributes:
        info: what was scanned, and how.
        sites: name of every site to what was found there.
        baseline: the scan to compare with.
    """

    info: ScanInfo
    sites: dict[str, SiteScan]
    baseline: "ScanTables | None"
    _gamma: dict[str, GammaFit]

    @abstractmethod
    def __getitem__(self, site: str) -> SiteSketch:
        """Return the sketch of a site."""

    @abstractmethod
    def _rule(self, rule: str | Rule | None) -> Rule:
        """Return a rule with its thresholds, the scan's own by default."""

    @abstractmethod
    def _ensemble(self) -> Ensemble:
        """Return the sketches of what the scan is compared with, by site."""

    @abstractmethod
    def can_test(self, rule: Rule) -> bool:
        """Say whether the scan has what the test of a rule rests on."""

    def table(self, threshold: float | None = None) -> pl.DataFrame:
        """Return one row per site: sizes, maxima, prevalence and the fitted gamma law.

        Where attention was discovered, ``how`` tells such sites (``discovered``) from those that
        an ``adapter`` knows. In a scan of node states, columns say ``nodes`` where they say
        ``edges`` here. Columns that end in ``_untrained`` describe the baseline. ``growth`` is the
        largest magnitude over the median magnitude of the same site in the baseline; NaN if that
        is 0.

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
            rows.append(self._compared(site, limit) | judged.get(site, {}))
        return in_words(pl.DataFrame(rows), self.info.rows)

    def calibration(self, criterion: str | Rule | None = None) -> pl.DataFrame:
        """Return what the criterion's test of every site rests on, one row per site and axis.

        Of the calibrated criterion, the columns are: site, axis (ratio or magnitude), threshold,
        edges, over, expected (how many of the edges would be over it at the stated rate),
        exceedance (share that is over it), members (of the ensemble), member_low, member_median and
        member_high (the threshold that a member by itself would have), spread, freedom and skewness
        (standard deviation of its natural logarithm between members, the degrees of freedom of
        that, and the skewness of its law), extrapolated (whether the threshold lies beyond all
        edges of all members), members_over (how many have an edge over it), supported (the smallest
        rate on this axis whose threshold an edge of the members still reaches), p (rank of the
        site's extremity among those of all models, sites and axes; see
        :func:`edgescope.statistics.extremity.p_values`), q (the chance of such a site anywhere in
        an untrained model; see :func:`edgescope.statistics.extremity.q_value`) and massive (whether
        q is at most the criterion's ``fdr``, and some edge over the threshold). The stated rate is
        half of the criterion's on each axis. Other criteria have other columns beside site, axis
        and massive.

        Args:
            criterion: another criterion than the scan's.

        Raises:
            InputError: if the criterion tests no site, or the baseline is no ensemble.
        """
        rule = self._rule(criterion)
        sketches = {site: self[site] for site in self.sites}
        if rule.members_tested and self.baseline is None:
            raise InputError(
                "the scan has no untrained ensemble as its baseline; scan with "
                "baseline=es.Untrained()"
            )
        return in_words(rule.evidence(sketches, self._ensemble()), self.info.rows)

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
            InputError: if no threshold is given and the criterion has none on that axis, or the
                scan is of node states.
        """
        return self._by_type(threshold, axis, "edge")

    def by_node_type(self, threshold: float | None = None, axis: str = "ratio") -> pl.DataFrame:
        """Return, per site of node states and node type, how many nodes hold a larger ratio.

        The columns are those of :meth:`by_edge_type`, with node_type and nodes in place of
        edge_type and edges.

        Args:
            threshold: the ratio or magnitude to exceed; that of the criterion by default.
            axis: what is compared with it, ``"ratio"`` or ``"magnitude"``.

        Raises:
            InputError: if no threshold is given and the criterion has none on that axis, or the
                scan is of edges.
        """
        return self._by_type(threshold, axis, "node")

    def _by_type(self, threshold: float | None, axis: str, rows: Rows) -> pl.DataFrame:
        own = self.info.rows
        if own != rows:
            raise InputError(
                f"the scan has a row per {own}, not per {rows}; call by_{own}_type() instead"
            )
        found = [
            {"site": site} | row
            for site, of in self.sites.items()
            for row in site_tables.edge_types(
                of.sketch,
                self.info.edge_type_names,
                self._threshold(site, threshold, axis),
                axis,
            )
        ]
        return in_words(pl.DataFrame(found), own)

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

        Raises:
            InputError: if there is no such edge type, or if the ratio is lower than what is
                counted by head and channel.
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

    def compare(self, *, seed: int = 0, resamples: int = RESAMPLES) -> pl.DataFrame:
        """Return how every site differs from the baseline: in the bulk, and in the tail.

        The columns are those of :func:`edgescope.scanning.compare.compare_scans`.

        Args:
            seed: seed of the resampling of graphs.
            resamples: how many times graphs are resampled for the intervals.

        Raises:
            InputError: if the scan has no baseline.
        """
        return in_words(compare_scans(self, seed=seed, resamples=resamples), self.info.rows)

    def concentration(
        self, threshold: float | None = None, *, measure: str = "ratio", top: int = 1
    ) -> pl.DataFrame:
        """Return, per site, whether the same channels and heads are massive on every edge.

        The columns are those of :class:`edgescope.scanning.concentration.Spread`, over channels
        and over heads.

        Args:
            threshold: what to exceed; that of the criterion by default.
            measure: what is compared with it, ``"ratio"`` or ``"magnitude"``.
            top: how many channels and heads ``..._top_share`` is about.

        Raises:
            InputError: if no threshold is given and the criterion has none on that measure.
        """
        return concentration_table(self, threshold, measure=measure, top=top)

    def laws(self, laws: Sequence[str] | None = None) -> pl.DataFrame:
        """Return which law the ratios of every site follow, the likeliest first.

        The columns are those of :func:`edgescope.scanning.families.laws_table`.

        Args:
            laws: names of the laws, such as ``"gamma"``; all by default.

        Raises:
            InputError: if there is no law of that name.
        """
        return laws_table(self, tuple(LAWS) if laws is None else laws)

    def _compared(self, site: str, threshold: float) -> dict[str, Any]:
        """Return the summary of a site, that of the baseline beside it, and the growth."""
        row = site_tables.summary(self[site], self.gamma(site), threshold)
        if self.baseline is not None:
            before = site_tables.summary(self.baseline[site], self.baseline.gamma(site), threshold)
            typical = before["median_magnitude"]
            row["growth"] = row["max_magnitude"] / typical if typical else float("nan")
            row |= {f"{name}_untrained": before[name] for name in site_tables.COMPARED}
        several = any(found.of.inputs for found in self.sites.values())
        inputs = {"input": ", ".join(self.sites[site].of.inputs)} if several else {}
        return {"site": site} | self._known(site) | inputs | row

    def _known(self, site: str) -> dict[str, Any]:
        """Return how the layer of a site is known, if not by an adapter at all sites."""
        coverage = self.info.coverage
        if coverage is None or not coverage.discovered:
            return {}
        found = {each.path for each in coverage.discovered}
        return {"how": "discovered" if layer_of(site) in found else "adapter"}

    def _judged(self) -> dict[str, dict[str, Any]]:
        """Return what the criterion's test says of every site."""
        return by_site(self.calibration()) if self.can_test(self.info.criterion) else {}

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
