"""How the ratios of every site are distributed: their maxima, their histogram, their law."""

from typing import Any

import numpy as np
import polars as pl

from edgescope.statistics.gamma import EPSILON, fit_gamma
from edgescope.statistics.histogram import ecdf_difference
from edgescope.statistics.sketch import SiteSketch
from edgescope.study.measures.measured_cell import MeasuredCell
from edgescope.study.measures.score_sites import score_sites, states_of

STEPS = 51
"""Quantiles of the largest ratio per graph that are kept."""

WIDTH = 0.25
"""Width of a bar of the histogram, in decades; 1000 is an edge."""

_STATE = {"site": pl.String, "layer": pl.Int64, "state": pl.String}


def maxima(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return quantiles of the largest ratio per graph, of every score site and state.

    A quantile is that of the published figure's sorted curve: 0 is the smallest, 1 the largest,
    which is exact; the others are within 0.4 %.
    """
    quantiles = np.linspace(0, 1, STEPS)
    rows = []
    for site, layer in score_sites(of.scan).items():
        for state, sketch in states_of(of, site):
            counts = sketch.counts["graph_ratio"].numpy()
            total = counts.sum()
            if not total:
                continue
            ranks = np.clip(np.ceil(quantiles * total), 1, total)
            values = sketch.layout.ratio.centres[np.searchsorted(counts.cumsum(), ranks)]
            largest = float(sketch.maxima[0].max())
            values = np.minimum(values, largest)
            values[-1] = largest
            who = {"site": site, "layer": layer, "state": state}
            pairs = zip(quantiles.tolist(), values.tolist(), strict=True)
            rows += [{**who, "quantile": q, "ratio": ratio} for q, ratio in pairs]
    return {"maxima": pl.DataFrame(rows, {**_STATE, "quantile": pl.Float64, "ratio": pl.Float64})}


def histogram(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return the histogram of ``-log10(ratio)`` of all activations, of every score site and state.

    ``log_ratio`` is the upper end of a bar; bars without any activation are left out.
    """
    rows = []
    for site, layer in score_sites(of.scan).items():
        for state, sketch in states_of(of, site):
            counts = sketch.counts["ratio"].numpy()
            bars = np.ceil(-np.log10(sketch.layout.ratio.centres + EPSILON) / WIDTH)
            uppers, inverse = np.unique(bars, return_inverse=True)
            summed = np.bincount(inverse, weights=counts).astype(np.int64)
            who = {"site": site, "layer": layer, "state": state}
            rows += [
                {**who, "log_ratio": float(upper) * WIDTH, "count": int(count)}
                for upper, count in zip(uppers, summed, strict=True)
                if count
            ]
    return {"histogram": pl.DataFrame(rows, {**_STATE, "log_ratio": pl.Float64, "count": pl.Int64})}


def laws(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return the published gamma law of every score site and state, and its distances.

    ``ks`` is the distance of the ratios to their own law, ``ks_trained_untrained`` that of the
    trained to the untrained ones; neither is a test.
    """
    rows = []
    for site, layer in score_sites(of.scan).items():
        states = dict(states_of(of, site))
        both = _distance(states["trained"], states["untrained"]) if len(states) > 1 else None
        for state, sketch in states.items():
            fit = fit_gamma(sketch)
            row: dict[str, Any] = {"site": site, "layer": layer, "state": state}
            row |= {name: getattr(fit, name) for name in ("shape", "loc", "scale", "ks")}
            rows.append({**row, "ks_trained_untrained": both})
    numbers = ("shape", "loc", "scale", "ks", "ks_trained_untrained")
    table = pl.DataFrame(rows, {**_STATE, **dict.fromkeys(numbers, pl.Float64)})
    return {"laws": table.with_columns(pl.col(pl.Float64).fill_nan(None))}


def _distance(first: SiteSketch, second: SiteSketch) -> float:
    """Return the Kolmogorov-Smirnov distance of the ratios of two sketches; NaN if one has none."""
    counts = [of.counts["ratio"].numpy().astype(np.float64)[None] for of in (first, second)]
    return float(np.abs(ecdf_difference(*counts)).max())
