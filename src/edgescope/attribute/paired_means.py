"""Means over graphs and differences on the same graphs, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgescope.attribute.bonds import Floats
from edgescope.statistics.bootstrap import MIN_GROUPS, RESAMPLES, percentile_interval

_BLOCK = 2**22
"""Numbers of draws that are held at a time."""


@dataclass(frozen=True)
class Mean:
    """A mean over graphs.

    Attributes:
        value: the mean; NaN if no graph has a value.
        low: lower end of its 95 % interval; NaN for fewer than 8 graphs.
        high: upper end.
        graphs: number of graphs with a value.
    """

    value: float
    low: float
    high: float
    graphs: int

    @property
    def sign(self) -> int:
        """1 if the whole interval is above 0, -1 if it is below, else 0."""
        return int(self.low > 0) - int(self.high < 0)


def mean_over_graphs(values: Floats, *, seed: int = 0, resamples: int = RESAMPLES) -> Mean:
    """Return the mean of the graphs that have a value, with a 95 % bootstrap interval.

    Graphs are drawn with replacement; the ends are expanded percentiles (see
    :func:`edgescope.statistics.bootstrap.percentile_interval`).

    Args:
        values: one per graph ``[G]``; NaN where there is none.
        seed: of the draws.
        resamples: how many times to draw.

    Example:
        >>> import numpy as np
        >>> from edgescope.attribute import mean_over_graphs
        >>> found = mean_over_graphs(np.array([0.5, 1.0, np.nan, 0.75]))
        >>> found.value
        0.75
    """
    known = values[~np.isnan(values)]
    if len(known) < MIN_GROUPS:
        value = float(known.mean()) if len(known) else np.nan
        return Mean(value, np.nan, np.nan, len(known))
    generator = np.random.default_rng(seed)
    blocks = -(-resamples * len(known) // _BLOCK)
    replicates = np.concatenate(
        [
            known[generator.integers(len(known), size=(len(part), len(known)))].mean(1)
            for part in np.array_split(np.empty(resamples), blocks)
        ]
    )
    low, high = percentile_interval(replicates, len(known))
    return Mean(float(known.mean()), float(low), float(high), len(known))


def mean_of(rows: Sequence[Floats], graphs: int) -> Floats:
    """Return the mean of the rows ``[G]`` that have a value; NaN where none has."""
    if not rows:
        return np.full(graphs, np.nan)
    stacked = np.stack(rows)
    known = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):  # 0 / 0 where none has
        mean: Floats = np.where(known, stacked, 0.0).sum(0) / known.sum(0)
    return mean


def paired_difference(values: Floats, reference: Floats, *, seed: int = 0) -> Mean:
    """Return the mean difference on graphs where both are known ``[G]``, with an interval.

    What a graph makes easy or hard for both cancels.

    Example:
        >>> import numpy as np
        >>> from edgescope.attribute import paired_difference
        >>> first, second = np.array([0.5, 1.0, 0.75]), np.array([0.25, 0.75, 0.5])
        >>> paired_difference(first, second).value
        0.25
    """
    return mean_over_graphs(values - reference, seed=seed)
