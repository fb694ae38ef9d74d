"""Trained against untrained at a site: how far the bulk moved, and what happened in the tail.

What is compared is the largest ratio, and the largest magnitude, of every edge. The two-sample
Kolmogorov-Smirnov distance sees the bulk only: moving a share ``f`` of the edges, however far,
changes it by at most ``f``. Its usual p-value takes edges as independent, which the edges of a
graph are not, so it is far too small. Massive activations are rare by definition, and show in the
tail: in exceedance rates, high quantiles and the tail index. Every interval comes from resampling
graphs (:mod:`edgescope.statistics.bootstrap`).
"""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from edgescope.lib.errors import InputError
from edgescope.statistics.bootstrap import RESAMPLES
from edgescope.statistics.effects import Comparison
from edgescope.statistics.model_pair import PairedTops
from edgescope.statistics.sketch import SiteSketch

if TYPE_CHECKING:
    from edgescope.scanning.site_scan import ScannedSites


def compare(
    trained: SiteSketch,
    untrained: SiteSketch,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare a site of the trained model with the same site of the untrained one.

    The intervals, at 95 %, say how the numbers vary with the graphs. They do not hold the spread
    between initialisations, nor that between training runs. Thresholds stay where the untrained
    model's data put them. The groups of graphs are counted in bins up to 12.5 % wide; how values
    lie within such a bin is not resampled, which leaves out a few per cent of the variance of a
    quantile. A number that rests on edges in fewer than 8 groups of graphs has no interval.

    Args:
        trained: sketch of the trained model.
        untrained: sketch of the untrained model, or of several of them pooled.
        seed: seed of the resampling.
        resamples: how many times the graphs are resampled.

    Raises:
        InputError: if the sketches differ in heads or channels.
    """
    first, second = trained.layout, untrained.layout
    if (first.heads, first.channels) != (second.heads, second.channels):
        raise InputError(
            f"received sketches of {first.heads} heads x {first.channels} channels and of "
            f"{second.heads} x {second.channels}, expected equal ones; compare a site with itself"
        )
    return Comparison(
        *(
            PairedTops(trained, untrained, measure).effects(np.random.default_rng(seed), resamples)
            for measure in Comparison._fields
        )
    )


def compare_scans(
    scan: "ScannedSites", *, seed: int = 0, resamples: int = RESAMPLES
) -> pl.DataFrame:
    """Compare every site of a scan with its baseline.

    Args:
        scan: a scan with a baseline.
        seed: seed of the resampling.
        resamples: how many times the graphs are resampled.

    Returns:
        One row per site and measure, ``"ratio"`` or ``"magnitude"``, with the numbers of
        :class:`~edgescope.statistics.effects.Effects`. The ends of an interval are in the columns
        ``..._low`` and ``..._high``; ``median``, ``999`` and ``9999`` name the quantile.

    Raises:
        InputError: if the scan has no baseline.
    """
    if scan.baseline is None:
        raise InputError(
            "received a scan without a baseline, expected one to compare with; scan with "
            "baseline=, such as the model before training"
        )
    rows = []
    for site in scan.sites:
        found = compare(scan[site], scan.baseline[site], seed=seed, resamples=resamples)
        rows += [
            {"site": site, "measure": measure, **effects.row()}
            for measure, effects in found._asdict().items()
        ]
    return pl.DataFrame(rows)
