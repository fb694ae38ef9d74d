"""Rows of a scan's tables, site by site: pure functions of what was found there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from edgescope.scanning.site_scan import SiteScan
from edgescope.statistics.gamma import GammaFit
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
