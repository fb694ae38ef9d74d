"""How many edges of every site are massive, with intervals over graphs, and of which type."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.statistics.bootstrap import MIN_GROUPS, bootstrap
from edgescope.statistics.histogram import parents
from edgescope.statistics.sketch import SiteSketch
from edgescope.study.measures.measured_cell import MeasuredCell
from edgescope.study.measures.score_sites import score_sites

RATIOS = (300.0, 1000.0, 3000.0, 4000.0)
"""Ratios at which edges are counted: the published 1000, 3000 and 4000, and one below, as small
budgets seldom reach them."""

_SITE = {"site": pl.String, "layer": pl.Int64}
_RULE = {"rule": pl.String, "threshold": pl.Float64}
_COUNTED = {"edges": pl.Int64, "massive": pl.Int64}


class Limit(NamedTuple):
    """A ratio above which an activation is massive at one site."""

    rule: str
    """``"ratio"``, or ``"calibrated"``."""
    threshold: float
    expected: float | None
    """Share of edges above it that the rule states of an untrained model."""
    q: float | None
    """Chance of such a site anywhere in an untrained model; None if the rule tests none."""


def limits(of: MeasuredCell) -> dict[str, list[Limit]]:
    """Return the thresholds of every score site: the ratios, and the scan's if it is calibrated."""
    scan = of.scan
    found = {site: [Limit("ratio", ratio, None, None) for ratio in RATIOS] for site in scan.sites}
    if scan.can_test(scan.info.criterion):
        for row in scan.calibration().filter(axis="ratio").iter_rows(named=True):
            if math.isfinite(row["threshold"]):
                expected = row["expected"] / row["edges"] if row["edges"] else None
                limit = Limit("calibrated", row["threshold"], expected, row["q"])
                found[row["site"]].append(limit)
    return {site: found[site] for site in score_sites(scan)}


def sites(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return the size and the extremes of every score site.

    ``growth`` is the largest magnitude over the largest untrained one: of the baseline, which of a
    calibrated scan is the ensemble, so that the largest of any member counts.
    """
    rows = []
    for site, layer in score_sites(of.scan).items():
        sketch = of.scan[site]
        ratio, magnitude = _extremes(sketch)
        before = None if of.scan.baseline is None else of.scan.baseline[site]
        untrained = (None, None) if before is None else _extremes(before)
        rows.append(
            {
                "site": site,
                "layer": layer,
                "edges": sketch.num_edges,
                "graphs": of.scan.info.graphs,
                "max_ratio": ratio,
                "untrained_max_ratio": untrained[0],
                "max_magnitude": magnitude,
                "untrained_max_magnitude": untrained[1],
                "growth": magnitude / untrained[1] if untrained[1] else None,
                "nonfinite_edges": int(sketch.counts["nonfinite"].sum()),
                "undefined_edges": int(sketch.counts["undefined"].sum()),
            }
        )
    numbers = ("max_ratio", "max_magnitude")
    values = [f"{state}{name}" for name in numbers for state in ("", "untrained_")]
    schema = {
        **_SITE,
        **dict.fromkeys(("edges", "graphs"), pl.Int64),
        **dict.fromkeys((*values, "growth"), pl.Float64),
        **dict.fromkeys(("nonfinite_edges", "undefined_edges"), pl.Int64),
    }
    return {"sites": _table(rows, schema)}


def thresholds(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return how many edges of every score site exceed which thresholds.

    Counts are exact at the bin edge nearest to a threshold, at most 0.4 % away. The interval, at
    95 %, comes from resampling graphs in groups; it is null if the edges lie in fewer than 8 of
    them.
    """
    rows = []
    layers, by_site = score_sites(of.scan), limits(of)
    for site, layer in layers.items():
        sketch, of_site = of.scan[site], by_site[site]
        edges = int(sketch.defined_edges().sum())
        generator = np.random.default_rng(of.cell.seed)
        intervals = share_intervals(sketch, [limit.threshold for limit in of_site], generator)
        for limit, (low, high) in zip(of_site, intervals, strict=True):
            massive = int(sketch.edges_over(limit.threshold)[0].sum())
            rows.append(
                {
                    "site": site,
                    "layer": layer,
                    "rule": limit.rule,
                    "threshold": limit.threshold,
                    "edges": edges,
                    "massive": massive,
                    "share": massive / edges if edges else None,
                    "low": low,
                    "high": high,
                    "untrained_share": _untrained_share(of, site, limit),
                    "q": limit.q,
                }
            )
    names = ("share", "low", "high", "untrained_share", "q")
    schema = {**_SITE, **_RULE, **_COUNTED, **dict.fromkeys(names, pl.Float64)}
    return {"thresholds": _table(rows, schema)}


def types(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return how many edges of every type that a score site has exceed which thresholds."""
    rows = []
    layers, by_site, names = score_sites(of.scan), limits(of), of.scan.info.edge_type_names
    for site, layer in layers.items():
        sketch = of.scan[site]
        edges = sketch.defined_edges()
        for limit in by_site[site]:
            over, _ = sketch.edges_over(limit.threshold)
            rows += [
                {
                    "site": site,
                    "layer": layer,
                    "rule": limit.rule,
                    "threshold": limit.threshold,
                    "edge_type": name,
                    "edges": int(edges[number]),
                    "massive": int(over[number]),
                }
                for number, name in enumerate(names)
                if edges[number]
            ]
    return {"types": _table(rows, {**_SITE, **_RULE, "edge_type": pl.String, **_COUNTED})}


def share_intervals(
    sketch: SiteSketch, ratios: Sequence[float], generator: np.random.Generator
) -> list[tuple[float, float]]:
    """Return the 95 % intervals of the shares of edges above some ratios, over graphs.

    Graphs are resampled in the groups of the sketch, which are counted in bins up to 12.5 % wide;
    within such a bin edges are taken to be spread as in all graphs together.

    Args:
        sketch: of the site.
        ratios: the thresholds.
        generator: where the draws come from.

    Returns:
        The two ends for every ratio; NaN if the edges above it lie in fewer than 8 groups.
    """
    fine, coarse = sketch.layout.ratio, sketch.layout.coarse_ratio
    groups = sketch.counts["group_ratio"].numpy().astype(np.float64)
    tops = sketch.counts["edge_ratio"].sum(0).numpy().astype(np.float64)
    parent = parents(fine, coarse)
    held = np.maximum(_by_parent(parent, tops, coarse.size), 1)
    columns = [groups.sum(1)]
    for ratio in ratios:
        first, _ = fine.edge_near(ratio)
        above = _by_parent(parent[first:], tops[first:], coarse.size) / held
        columns.append(groups @ above)
    counts = np.stack(columns, axis=1)  # [groups, 1 + ratios]
    with np.errstate(invalid="ignore"):  # a resample may have no edge
        found = bootstrap(counts, lambda drawn: drawn[:, 1:] / drawn[:, :1], generator=generator)
    enough = (counts[:, 1:] >= 0.5).sum(0) >= MIN_GROUPS  # noqa: PLR2004  (an edge, rounded)
    return [
        (float(low), float(high)) if well else (math.nan, math.nan)
        for low, high, well in zip(found.low, found.high, enough, strict=True)
    ]


def _by_parent(
    parent: NDArray[np.int64], counts: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    return np.bincount(parent, weights=counts, minlength=size).astype(np.float64)


def _extremes(sketch: SiteSketch) -> tuple[float, float]:
    ratio, magnitude = sketch.maxima.max(1).values.tolist()
    return ratio, magnitude


def _untrained_share(of: MeasuredCell, site: str, limit: Limit) -> float | None:
    if limit.rule != "ratio":
        return limit.expected
    if of.scan.baseline is None:
        return None
    before = of.scan.baseline[site]
    edges = int(before.defined_edges().sum())
    return int(before.edges_over(limit.threshold)[0].sum()) / edges if edges else None


def _table(rows: list[dict[str, Any]], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema).with_columns(pl.col(pl.Float64).fill_nan(None))
