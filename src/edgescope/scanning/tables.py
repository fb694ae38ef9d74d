"""What a scan tells: the rows of its tables, and which activations it keeps one by one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any
from warnings import warn

import numpy as np
import polars as pl

from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.graph_names import GraphNames
from edgescope.scanning.site_scan import ScanInfo, SiteScan
from edgescope.statistics.gamma import GammaFit
from edgescope.statistics.rules import Bounds, Rule
from edgescope.statistics.sketch import SiteSketch

CONFIDENCE = 0.95
"""Coverage of the intervals of rates."""

COMPARED = (
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
"""Columns that a scan's table has for its baseline as well."""


def summary(sketch: SiteSketch, fit: GammaFit, threshold: float) -> dict[str, Any]:
    """Return sizes, maxima, prevalence above a ratio and the gamma law of one site.

    If the threshold is infinite, nothing is counted: ``edges_over`` is None.
    """
    counted = np.isfinite(threshold)
    over = int(sketch.edges_over(threshold)[0].sum()) if counted else None
    defined = int(sketch.defined_edges().sum())
    share = over / defined if defined and over is not None else float("nan")
    return {
        "heads": sketch.layout.heads,
        "channels": sketch.layout.channels,
        "edges": sketch.num_edges,
        "edges_over": over,
        "share_over": share,
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


def named(
    site: str, rows: pl.DataFrame, edge_types: Sequence[str], inputs: bool = False
) -> pl.DataFrame:
    """Put the site in front of its rows, and names in place of edge types.

    Args:
        site: name of the site.
        rows: its rows.
        edge_types: name of every edge type.
        inputs: whether to say next to the site which input an edge belongs to.
    """
    if "edge_type" in rows.columns:
        names = dict(enumerate(edge_types))
        replaced = pl.col("edge_type").replace_strict(names, return_dtype=pl.String)
        rows = rows.with_columns(replaced)
    first = [pl.lit(site, dtype=pl.String).alias("site")]
    first += [pl.col("input")] if inputs and "input" in rows.columns else []
    return rows.select(*first, pl.all().exclude("input"))


def massive_edges(
    sites: dict[str, SiteScan], massive: pl.DataFrame, complete: dict[str, bool]
) -> pl.DataFrame:
    """Count the edges of massive rows, by site.

    Args:
        sites: what the scan found.
        massive: the massive rows, as :meth:`edgescope.Scan.kept` gives them.
        complete: per site whether these are all there are.
    """
    edge = ["site", "edge_type", "graph", "edge", "source", "target"]
    edges = dict(massive.unique(edge).group_by("site").len().iter_rows())
    rows = [
        {
            "site": site,
            "edges": found.sketch.num_edges,
            "massive": edges.get(site, 0),
            "complete": complete[site],
        }
        for site, found in sites.items()
    ]
    return pl.DataFrame(rows)


def edge_types(
    sketch: SiteSketch, names: Sequence[str], threshold: float, axis: str = "ratio"
) -> list[dict[str, Any]]:
    """Return, for every edge type that a site has, how many edges exceed a ratio or magnitude."""
    from scipy.stats import binomtest

    over, exact = sketch.edges_over(threshold, axis)
    edges = sketch.counted_edges(axis)
    overall = over.sum() / edges.sum() if edges.sum() else np.nan
    rows = []
    for number, name in enumerate(names):
        if not sketch.counts["edges"][number]:
            continue
        n, k = int(edges[number]), int(over[number])
        rate = k / n if n else np.nan
        test = binomtest(k, n).proportion_ci(CONFIDENCE, "wilson") if n else None
        rows.append(
            {
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
    return rows


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
        return massive_edges(self.sites, self.kept(), complete)

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
            yield named(site, getattr(found, table), self.info.edge_type_names, several)


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
