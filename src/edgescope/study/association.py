"""Do models with more massive activations predict better, or worse? Over the cells of a study."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.statistics.bootstrap import RESAMPLES, percentile_interval
from edgescope.statistics.ranks import midranks, spearman
from edgescope.study.study_metric import higher_is_better

FEWEST = 5
"""Cells below which no interval is given: with fewer, resamples hold hardly any different ones."""

ALL = "all"


def association(every: pl.DataFrame, *, seed: int = 0, resamples: int = RESAMPLES) -> pl.DataFrame:
    """Return the rank correlation of prevalence with the test metric, by data set and over all.

    Spearman's coefficient over trained cells, with an interval from resampling cells within their
    data sets (:func:`edgescope.statistics.bootstrap.percentile_interval`). Metrics of different
    data sets are not comparable, so the row ``all`` correlates ranks within each data set, scaled
    to the unit interval, a higher rank being a worse prediction.

    Cells that differ in their seed alone are more alike than others, and models differ in more
    than their massive activations: the coefficient describes these cells, and the interval takes
    them as independent.

    Args:
        every: from :func:`edgescope.study.study_tables.cells`.
        seed: of the resampling.
        resamples: their number.

    Returns:
        Columns data, metric, better (``"low"`` or ``"high"``), cells, rho, low, high. NaN if it
        is not defined: for fewer than two cells or a constant; the interval also for fewer than
        :data:`FEWEST` cells.
    """
    trained = every.filter(pl.col("metric").is_not_null())
    groups = trained.partition_by("data", "metric", maintain_order=True)
    generator = np.random.default_rng(seed)
    rows, pairs = [], []
    for group in groups:
        name = group["metric"][0]
        better = "high" if higher_is_better(name) else "low"
        pair = group.select("prevalence", "value").to_numpy()
        pairs.append(pair * [1, -1] if better == "high" else pair)
        rows.append(
            {
                "data": group["data"][0],
                "metric": name,
                "better": better,
                "cells": group.height,
                **_estimate([pair], generator, resamples),
            }
        )
    if len(groups) > 1:
        found = _estimate(pairs, generator, resamples)
        name = {"data": ALL, "metric": "rank of error", "better": "low"}
        rows.append(name | {"cells": trained.height} | found)
    return pl.DataFrame(rows)


def _estimate(
    groups: list[NDArray[np.float64]], generator: np.random.Generator, resamples: int
) -> dict[str, float]:
    """Return the coefficient of pairs ``[n, 2]`` in groups, and its interval."""
    rho = _correlation(groups)
    if np.isnan(rho) or sum(map(len, groups)) < FEWEST:
        return {"rho": rho, "low": np.nan, "high": np.nan}
    drawn = np.array(
        [
            _correlation([pair[generator.integers(len(pair), size=len(pair))] for pair in groups])
            for _ in range(resamples)
        ]
    )
    low, high = percentile_interval(drawn, sum(map(len, groups)))
    return {"rho": rho, "low": float(low), "high": float(high)}


def _correlation(groups: list[NDArray[np.float64]]) -> float:
    """Return Spearman's coefficient of ranks within groups, for one group the usual one."""
    sizes = [len(pair) for pair in groups]
    group = np.repeat(np.arange(len(groups)), sizes)
    first, second = (
        (midranks(values, group) - 0.5) / np.repeat(sizes, sizes)
        for values in np.concatenate(groups).T
    )
    return float(spearman(first, second)[0])
