"""A number, how it varies, and how surprising it would be if another value were true.

Trainings are the units where a model is trained: the interval is that of the mean over seeds, by
Student's t (Biometrika 6, 1908). How much a number varies between the graphs of one scan is another
matter and is reported apart. Where layers are drawn at random, the draws are the units: Wilson's
interval of a share (JASA 22, 1927), and that of Katz for the ratio of two (Biometrics 34, 1978).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

FEWEST_SEEDS = 3
"""Seeds below which nothing is decided: the spread of two has a single degree of freedom, and their
interval is over 12 times as wide as what it is the interval of."""

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        value: the number.
        low: lower end of the interval; NaN if there is none.
        high: upper end.
        units: how many seeds or draws it comes from.
        unit: ``"seeds"``, ``"draws"``, or ``"computed"`` for what has no spread.
        values: the number of every seed, in the order of the seeds.
        seeds: these seeds.
        lost: seeds whose number is not defined.
        problem: why there is no interval; empty if there is one.
        p_at: two-sided p-value of the hypothesis that a given value is true; None if nothing
        varies.
    """

    value: float
    low: float
    high: float
    units: int
    unit: str
    values: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()
    lost: int = 0
    problem: str = ""
    p_at: Callable[[float], float] | None = field(default=None, repr=False, compare=False)


def over_seeds(of: Mapping[int, float | None]) -> Estimate:
    """Return the mean over seeds, with Student's interval.

    Args:
        of: seed to its number; what is null, NaN or infinite is left out and counted.
    """
    known = {s: float(v) for s, v in sorted(of.items()) if v is not None and math.isfinite(v)}
    values = np.array(list(known.values()))
    size, lost = len(values), len(of) - len(known)
    mean = float(values.mean()) if size else math.nan
    facts = {"values": tuple(values.tolist()), "seeds": tuple(known), "lost": lost}
    if size < FEWEST_SEEDS:
        problem = f"{size} seeds with a number, {FEWEST_SEEDS} are needed"
        return Estimate(mean, math.nan, math.nan, size, "seeds", problem=problem, **facts)  # type: ignore[arg-type]
    from scipy.stats import t

    error = float(values.std(ddof=1)) / math.sqrt(size)
    reach = float(t.ppf((1 + CONFIDENCE) / 2, size - 1)) * error

    def p_at(truth: float) -> float:
        if error == 0:
            return float(mean == truth)
        return float(2 * t.sf(abs(mean - truth) / error, size - 1))

    return Estimate(mean, mean - reach, mean + reach, size, "seeds", p_at=p_at, **facts)  # type: ignore[arg-type]


def over_pairs(of: Mapping[tuple[int, int], float | None]) -> Estimate:
    """Return the mean over pairs of seeds, with an interval by the jackknife over seeds.

    The pairs of one seed vary together, so a seed is left out with all of them; the values of the
    seeds are their pseudo-values (Arvesen, Ann. Math. Statist. 40, 1969).

    Args:
        of: two seeds to a number of theirs; what is null, NaN or infinite is left out.
    """
    known = {p: float(v) for p, v in of.items() if v is not None and math.isfinite(v)}
    seeds = sorted({seed for pair in of for seed in pair})
    whole, size = _mean(list(known.values())), len(seeds)
    if size < FEWEST_SEEDS:
        return over_seeds(dict.fromkeys(seeds, whole))
    without = {seed: _mean([v for p, v in known.items() if seed not in p]) for seed in seeds}
    return over_seeds({seed: size * whole - (size - 1) * without[seed] for seed in seeds})


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def of_draws(share: float, draws: int) -> Estimate:
    """Return a share of independent draws, with Wilson's interval and the exact binomial test."""
    from scipy.stats import binomtest

    count = round(share * draws)
    ends = binomtest(count, draws).proportion_ci(CONFIDENCE, "wilson")

    def p_at(truth: float) -> float:
        return float(binomtest(count, draws, truth).pvalue)

    return Estimate(count / draws, float(ends.low), float(ends.high), draws, "draws", p_at=p_at)


def ratio_of_draws(first: float, second: float, draws: int) -> Estimate:
    """Return the logarithm to base 2 of the ratio of two shares, each of so many draws.

    Half a draw is added to every count, so that a share of 0 has a logarithm.
    """
    from scipy.stats import norm

    counts = np.array([round(first * draws), round(second * draws)]) + 0.5
    value = math.log2(counts[0] / counts[1])
    error = float(np.sqrt((1 / counts - 1 / (draws + 1)).sum())) / math.log(2)
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * error

    def p_at(truth: float) -> float:
        return float(2 * norm.sf(abs(value - truth) / error))

    return Estimate(value, value - reach, value + reach, draws, "draws", p_at=p_at)


def computed(value: float) -> Estimate:
    """Return a number that is computed exactly and varies with nothing."""
    return Estimate(value, value, value, 1, "computed")
