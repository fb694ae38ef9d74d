"""The result of a scan: tables, histograms and the most massive activations of every site."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from warnings import warn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.errors import EdgescopeWarning, InputError
from edgescope.statistics.criteria import Criterion, criterion
from edgescope.statistics.gamma import GammaFit, fit_gamma
from edgescope.statistics.sketch import SiteSketch

CONFIDENCE = 0.95
"""Coverage of the intervals in :meth:`Scan.by_edge_type`."""


@dataclass(frozen=True)
class ScanInfo:
    """What was scanned, and how.

    Attributes:
        model: class of the model.
        data: name of the data set, if it has one.
        graphs: number of graphs.
        edge_type_names: name of each edge type; the last is ``"added"`` if layers compute rows
            that are no edge of the input.
        criterion: rule that calls an activation massive.
        keep_ratio: activations with a larger ratio were kept one by one.
        max_rows: how many of them were kept per site at most.
        seconds: how long the scan took.
    """

    model: str
    data: str
    graphs: int
    edge_type_names: tuple[str, ...]
    criterion: Criterion
    keep_ratio: float
    max_rows: int
    seconds: float


class SiteScan(NamedTuple):
    """What a scan found at one site."""

    sketch: SiteSketch
    """Histograms, counts and maxima."""
    rows: pl.DataFrame
    """Activations whose ratio exceeds the scan's ``keep_ratio``, largest ratio first."""
    extremes: pl.DataFrame
    """The activations with the largest ratio and the largest magnitude."""
    nonfinite: pl.DataFrame
    """Graphs with edges that hold a NaN or an infinity."""
    seen: int
    """How many activations exceeded ``keep_ratio``, kept or not."""


class Scan:
    """The result of :func:`edgescope.scan`.

    Attributes:
        info: what was scanned, and how.
        sites: name of every site to what was found there.
        smiles: SMILES of the graphs that hold kept activations, where the data has them.
        baseline: the scan to compare with, usually of the untrained model.
    """

    def __init__(
        self,
        sites: Mapping[str, SiteScan],
        info: ScanInfo,
        smiles: Mapping[int, str] | None = None,
        baseline: "Scan | None" = None,
    ) -> None:
        if baseline is not None and list(baseline.sites) != list(sites):
            raise InputError(
                f"the baseline has sites {', '.join(baseline.sites)}, expected "
                f"{', '.join(sites)}; scan the same architecture"
            )
        self.info = info
        self.sites: dict[str, SiteScan] = dict(sites)
        self.smiles = dict(smiles or {})
        self.baseline = baseline
        self._gamma: dict[str, GammaFit] = {}

    def __repr__(self) -> str:
        """Say what was scanned."""
        compared = " against a baseline" if self.baseline else ""
        return (
            f"Scan({self.info.model} on {self.info.graphs} graphs, {len(self.sites)} sites"
            f"{compared})"
        )

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
        rows = []
        for site in self.sites:
            row = self._summary(site, threshold)
            if self.baseline is not None:
                before = self.baseline._summary(site, threshold)  # noqa: SLF001  (our own class)
                typical = before["median_magnitude"]
                row["growth"] = row["max_magnitude"] / typical if typical else float("nan")
                row |= {f"{name}_untrained": before[name] for name in _COMPARED}
            rows.append({"site": site} | row)
        return pl.DataFrame(rows)

    def massive(self, criterion: str | Criterion | None = None) -> pl.DataFrame:
        """Return one row per massive activation, by site and falling ratio.

        Columns: site, graph, edge (position in the graph, or within its relation; -1 if it is of
        the type ``"added"``), source, target, head, channel, value, ratio, edge_type (its name).

        Args:
            criterion: another rule than the scan's.

        Raises:
            InputError: if the rule reaches below the ratio at which the scan kept activations.
        """
        rule = self._rule(criterion)
        if rule.ratio < self.info.keep_ratio:
            raise InputError(
                f"the scan kept activations with a ratio above {self.info.keep_ratio:g}, the "
                f"criterion asks for {rule.ratio:g}; scan again with keep_ratio={rule.ratio:g}"
            )
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

    def kept(self, criterion: str | Criterion | None = None) -> pl.DataFrame:
        """Return the massive activations that the scan kept, which may not be all there are.

        As :meth:`massive`, but without its objections: for showing examples, not for counting.

        Args:
            criterion: another rule than the scan's.
        """
        rule = self._rule(criterion)
        return pl.concat(
            self._at(site, rule.select(found.rows)) for site, found in self.sites.items()
        )

    def by_edge_type(self, threshold: float | None = None) -> pl.DataFrame:
        """Return, per site and edge type, how many edges hold a ratio above a threshold.

        Columns: site, edge_type, edges (with a defined ratio), over, rate, low and high (Wilson
        interval of the rate at 95 %), enrichment (rate over the rate of all edges of the site),
        threshold (at which the counts are exact: the nearest bin edge, at most 0.4 % off).

        The interval takes edges as independent. Edges of a graph are not, so it is too narrow.

        Args:
            threshold: the ratio to exceed; that of the criterion by default.
        """
        from scipy.stats import binomtest

        rows = []
        for site, found in self.sites.items():
            over, exact = found.sketch.edges_over(self._threshold(threshold))
            edges = found.sketch.defined_edges()
            overall = over.sum() / edges.sum() if edges.sum() else np.nan
            for number, name in enumerate(self.info.edge_type_names):
                if not found.sketch.counts["edges"][number]:
                    continue
                n, k = int(edges[number]), int(over[number])
                rate = k / n if n else np.nan
                test = binomtest(k, n).proportion_ci(CONFIDENCE, "wilson") if n else None
                rows.append(
                    {
                        "site": site,
                        "edge_type": name,
                        "edges": n,
                        "over": k,
                        "rate": rate,
                        "low": test.low if test else np.nan,
                        "high": test.high if test else np.nan,
                        "enrichment": rate / overall if overall else np.nan,
                        "threshold": exact,
                    }
                )
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
        return self[site].heat_map(self._threshold(threshold), number)[0]

    def extremes(self) -> pl.DataFrame:
        """Return, per site, the activations with the largest ratio and the largest magnitude."""
        return pl.concat(self._at(site, found.extremes) for site, found in self.sites.items())

    def nonfinite(self) -> pl.DataFrame:
        """Return, per site, the graphs with edges that hold a NaN or an infinity."""
        return pl.concat(self._at(site, found.nonfinite) for site, found in self.sites.items())

    def gamma(self, site: str) -> GammaFit:
        """Return the gamma law fitted to -log10 of a site's ratios, as published."""
        if site not in self._gamma:
            self._gamma[site] = fit_gamma(self[site])
        return self._gamma[site]

    def save(self, folder: str | Path) -> Path:
        """Write the scan, and its baseline, to a folder of Parquet and JSON files."""
        from edgescope.storage import save_scan

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

    def _rule(self, rule: str | Criterion | None) -> Criterion:
        return self.info.criterion if rule is None else criterion(rule)

    def _threshold(self, threshold: float | None) -> float:
        return self.info.criterion.ratio if threshold is None else threshold

    def _at(self, site: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Put the site in front of its rows, and names in place of edge types."""
        names = dict(enumerate(self.info.edge_type_names))
        if "edge_type" in rows.columns:
            named = pl.col("edge_type").replace_strict(names, return_dtype=pl.String)
            rows = rows.with_columns(named)
        return rows.select(pl.lit(site, dtype=pl.String).alias("site"), pl.all())

    def _summary(self, site: str, threshold: float | None) -> dict[str, Any]:
        sketch, fit = self[site], self.gamma(site)
        over, _ = sketch.edges_over(self._threshold(threshold))
        defined = int(sketch.defined_edges().sum())
        return {
            "heads": sketch.layout.heads,
            "channels": sketch.layout.channels,
            "edges": sketch.num_edges,
            "edges_over": int(over.sum()),
            "share_over": int(over.sum()) / defined if defined else float("nan"),
            "max_ratio": float(sketch.maxima[0].max()),
            "median_ratio": sketch.quantile("ratio", 0.5),
            "max_magnitude": float(sketch.maxima[1].max()),
            "median_magnitude": sketch.quantile("magnitude", 0.5),
            "undefined": int(sketch.counts["undefined"].sum()),
            "nonfinite": int(sketch.counts["nonfinite"].sum()),
            "gamma_shape": fit.shape,
            "gamma_loc": fit.loc,
            "gamma_scale": fit.scale,
            "ks": fit.ks,
        }


_COMPARED = (
    "edges_over",
    "share_over",
    "max_ratio",
    "max_magnitude",
    "median_magnitude",
    "undefined",
    "nonfinite",
    "gamma_shape",
    "gamma_loc",
    "gamma_scale",
    "ks",
)
