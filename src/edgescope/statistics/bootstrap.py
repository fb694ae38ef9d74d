"""Intervals that know that the edges of a graph are dependent: graphs are resampled, not edges.

A sketch deals the graphs into groups by their position, and counts each group apart. Groups are
drawn with replacement and their counts added, which is the bootstrap of clustered data (Davison
and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8; Field and Welsh, J. R.
Statist. Soc. B 69, 2007): whatever dependence there is within a graph is drawn along with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]
"""Takes counts ``[R, ...]`` to one number or a row of numbers for each of ``R`` resamples."""

MIN_GROUPS = 8
"""Groups with graphs below which no interval is given: the spread between so few says little
about the spread of their sum (cluster methods fail from a handful of clusters downwards: Cameron,
Gelbach and Miller, Rev. Econ. Stat. 90, 2008, table 2)."""

RESAMPLES = 1000
CONFIDENCE = 0.95

MISSING = 0.05
"""Share of resamples without a value above which there is no interval."""

_BLOCK = 2**21
"""Numbers of resampled counts, or of draws, that are held at a time."""


@dataclass(frozen=True)
class Bootstrap:
    """A statistic, and how it varies when other graphs of the same kind are drawn.

    Attributes:
        estimate: the statistic of the data ``[...]``.
        low: lower end of the interval ``[...]``; NaN if there is none.
        high: upper end of the interval ``[...]``; NaN if there is none.
        replicates: the statistic of every resample ``[R, ...]``; none if there are too few groups.
        groups: number of groups with graphs.
        problem: why intervals are NaN; empty if none is.
    """

    estimate: Array
    low: Array
    high: Array
    replicates: Array
    groups: int
    problem: str = ""


def bootstrap(
    counts: NDArray[np.generic],
    statistic: Statistic,
    *,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Bootstrap:
    """Resample groups of graphs, and return the percentile interval of a statistic.

    Two samples of the same graphs, such as the trained and the untrained model's, are stacked
    along a later dimension: their groups are then drawn together, so that what the two have in
    common cancels in a difference. That is right for samples of different graphs as well: there
    the pairing is arbitrary, and nothing cancels on average.

    Args:
        counts: counts of every group ``[groups, ...]``, such as the counter ``group_ratio`` of a
            sketch ``[64, bins]``; groups without any count are left out.
        statistic: what to compute from added counts. It is given ``[R, ...]`` and returns ``[R]``
            or ``[R, ...]``.
        generator: where the draws come from.
        resamples: how many times to draw.
        confidence: coverage of the interval.

    Returns:
        The estimate and the interval. Both ends are NaN, with the reason, if fewer than
        ``MIN_GROUPS`` groups hold a graph or if the statistic is NaN in more than 5 % of the
        resamples.
    """
    held = counts.reshape(len(counts), -1).any(axis=1)
    groups = counts[held].astype(np.float64)
    estimate = np.asarray(statistic(counts.sum(0, dtype=np.float64)[None]))[0]
    if len(groups) < MIN_GROUPS:
        nothing = np.full_like(estimate, np.nan)
        problem = (
            f"no intervals: graphs in {len(groups)} groups, expected {MIN_GROUPS} or more; "
            f"scan more graphs"
        )
        return Bootstrap(estimate, nothing, nothing, estimate[None][:0], len(groups), problem)
    weights = resampling_weights(len(groups), resamples, generator)
    flat = groups.reshape(len(groups), -1)
    blocks = np.array_split(weights, max(1, -(-resamples * flat.shape[1] // _BLOCK)))
    replicates = np.concatenate(
        [statistic((block @ flat).reshape(-1, *counts.shape[1:])) for block in blocks if len(block)]
    )
    low, high = percentile_interval(replicates, len(groups), confidence)
    lost = np.isnan(low) & ~np.isnan(estimate)
    problem = f"no interval where over {MISSING:.0%} of resamples have no value"
    return Bootstrap(estimate, low, high, replicates, len(groups), problem if lost.any() else "")


def percentile_interval(
    replicates: Array, groups: int, confidence: float = CONFIDENCE
) -> tuple[Array, Array]:
    """Return the expanded percentile interval of bootstrap replicates.

    The levels of the percentiles are moved outwards, to those of a normal distribution at
    :func:`small_sample_factor` times the usual distance (Hesterberg, The American Statistician
    69, 2015, section 5.2).

    Args:
        replicates: values of the resamples ``[R, ...]``; NaN where there is none.
        groups: how many independent groups were resampled.
        confidence: coverage of the interval.

    Returns:
        The two ends ``[...]``; NaN where more than 5 % of the replicates are.
    """
    from scipy.special import ndtr, ndtri

    outside = ndtr(ndtri((1 - confidence) / 2) * small_sample_factor(groups, confidence))
    missing = np.isnan(replicates)
    ordered = np.sort(replicates, axis=0)  # NaN last
    valid = (~missing).sum(0)
    ends = []
    for level in (outside, 1 - outside):
        # Replicates may be infinite, so nothing is interpolated.
        place = np.clip(np.ceil(level * valid).astype(np.int64) - 1, 0, None)
        end = np.take_along_axis(ordered, place[None], axis=0)[0]
        ends.append(np.where(missing.mean(0) > MISSING, np.nan, end))
    return ends[0], ends[1]


def small_sample_factor(groups: int, confidence: float = CONFIDENCE) -> float:
    """Return the factor by which a plain percentile interval of few groups is too narrow.

    A resample of ``n`` groups varies less than they do by ``sqrt((n - 1) / n)``, and their spread
    is itself estimated, for which Student's t takes the place of the normal distribution.
    """
    from scipy.special import ndtri, stdtrit

    level = (1 - confidence) / 2
    return float(np.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, level) / ndtri(level))


def resampling_weights(groups: int, resamples: int, generator: np.random.Generator) -> Array:
    """Return how often each group is drawn in each resample ``[R, groups]``."""
    drawn = generator.multinomial(groups, np.full(groups, 1 / groups), size=resamples)
    return drawn.astype(np.float64)


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


def mean_over_graphs(values: Array, *, seed: int = 0, resamples: int = RESAMPLES) -> Mean:
    """Return the mean of the graphs that have a value, with a 95 % bootstrap interval.

    Graphs are drawn with replacement; see :func:`percentile_interval`.

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
    size = len(known)
    if size < MIN_GROUPS:
        return Mean(float(known.mean()) if size else np.nan, np.nan, np.nan, size)
    generator = np.random.default_rng(seed)
    blocks = np.array_split(np.empty(resamples), -(-resamples * size // _BLOCK))
    # Drawn one by one, as the intervals of stored leaderboards were.
    replicates = [known[generator.integers(size, size=(len(b), size))].mean(1) for b in blocks]
    low, high = percentile_interval(np.concatenate(replicates), size)
    return Mean(float(known.mean()), float(low), float(high), size)


def mean_of(rows: Sequence[Array], graphs: int) -> Array:
    """Return the mean of the rows ``[G]`` that have a value; NaN where none has."""
    if not rows:
        return np.full(graphs, np.nan)
    stacked = np.stack(rows)
    known = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):  # 0 / 0 where none has
        mean: Array = np.where(known, stacked, 0.0).sum(0) / known.sum(0)
    return mean


def paired_difference(values: Array, reference: Array, *, seed: int = 0) -> Mean:
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
