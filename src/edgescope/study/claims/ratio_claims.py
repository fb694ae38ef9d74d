"""Claims about the ratio: that massive activations appear, their definition, their law."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.study.claims.cell_roles import data_words
from edgescope.study.claims.claim import Claim
from edgescope.study.claims.estimates import FEWEST_SEEDS, Estimate
from edgescope.study.claims.questions import HALF, RARE, Question, Region
from edgescope.study.claims.result_set import BESIDE, ResultSet
from edgescope.study.claims.site_numbers import REACH, prevalence, reach

Values = NDArray[np.float64]

DRAWS = 2000
"""Resamples of the seeds within their groups."""

PAPER = "arXiv 2409.03463"

ABOVE = Region(
    low=0.0, why="the number is measured from the published threshold, so any excess counts"
)

PUBLISHED_RANGE = 4000 / PAPER_RATIO
"""The published figures use thresholds from 1000 to 4000; thresholds less apart than these are
called the same."""


def _appear(results: ResultSet) -> Sequence[Question]:
    return results.questions(
        reach(results),
        results.chosen(),
        number=REACH,
        region=ABOVE,
        null=0.0,
        null_words="what the untrained model, or the threshold, reaches",
    )


def _defined(results: ResultSet) -> Sequence[Question]:
    of = results.table("thresholds").filter(rule="calibrated")
    apart = (pl.col("threshold").cast(pl.Float64).fill_nan(None) / PAPER_RATIO).log(10).abs()
    numbers = of.group_by("cell").agg(
        value=apart.max(),
        **{
            f"{BESIDE}least calibrated threshold": pl.col("threshold").min(),
            f"{BESIDE}largest calibrated threshold": pl.col("threshold").max(),
        },
    )
    return results.questions(
        numbers,
        results.chosen(),
        number="decades between 1000 and the calibrated threshold, at the layer where they differ "
        "most",
        region=Region(
            high=math.log10(PUBLISHED_RANGE),
            why="the published figures use 1000 to 4000; less than that apart is the same",
        ),
        null=0.0,
        null_words="the calibrated threshold is 1000 at every layer",
    )


def _laws(results: ResultSet) -> Sequence[Question]:
    laws = (
        results.table("laws")
        .group_by("cell")
        .agg(
            untrained=pl.col("ks").filter(pl.col("state") == "untrained").fill_nan(None).mean(),
            trained=pl.col("ks").filter(pl.col("state") == "trained").fill_nan(None).mean(),
        )
    )
    beside = {f"{BESIDE}KS, untrained": "untrained", f"{BESIDE}KS, trained": "trained"}
    law = results.questions(
        laws.select("cell", value="untrained", **beside),
        results.chosen(),
        number="KS distance of the untrained -log10(ratio) from its gamma law, mean of layers",
        region=Region(high=RARE, why="at least that share of the activations lies off the law"),
        null=0.0,
        null_words="the law is exact",
    )
    more = results.questions(
        laws.select("cell", value=pl.col("trained") - pl.col("untrained"), **beside),
        results.chosen(),
        number="KS distance of the trained model from its gamma law, less the untrained one's",
        region=Region(low=RARE, why="so much more than the untrained model is off its law"),
        null=0.0,
        null_words="training changes nothing",
    )
    return [*law, *more]


def _differs(results: ResultSet) -> Sequence[Question]:
    numbers = results.chosen().join(prevalence(results), "cell").sort("model", "data", "seed")
    numbers = numbers.filter(pl.col("value").is_not_nan())
    groups = [
        (f"{of['model'][0]} on {data_words(of['data'][0])}", of["value"].to_numpy())
        for of in numbers.partition_by("model", "data", maintain_order=True)
        if of.height >= FEWEST_SEEDS
    ]
    question = Question(
        "models and data sets",
        "share of the differences in prevalence (ranks) that model and data set explain, the rest "
        "being seeds (eta squared of Kruskal and Wallis)",
        explained([values for _, values in groups]),
        Region(low=HALF, why="most of the differences"),
        0.0,
        "prevalence depends on the seed alone",
        {name: float(values.mean()) for name, values in groups},
    )
    return [question]


def explained(groups: Sequence[Values]) -> Estimate:
    """Return the share of rank variance between groups, corrected for chance.

    It is ``(H - k + 1) / (n - k)`` for the H of Kruskal and Wallis, ``k`` groups and ``n`` values
    (Tomczak and Tomczak, Trends in Sport Sciences 21, 2014). Seeds are resampled within groups. The
    interval covers both the percentile and the basic one, as resamples of few seeds differ more
    between groups than the seeds do, and so is the p-value the larger of the two.

    Args:
        groups: the values of every group.
    """
    units = sum(map(len, groups))
    problem = "" if len(groups) > 1 else "fewer than two groups with 3 seeds or more"
    if not problem and len(set(np.concatenate(groups).tolist())) == 1:
        problem = "all cells have the same prevalence"
    if problem:
        return Estimate(math.nan, math.nan, math.nan, units, "seeds", problem=problem)
    generator = np.random.default_rng(0)
    drawn = [each[generator.integers(len(each), size=(DRAWS, len(each)))] for each in groups]
    sizes = [len(each) for each in groups]
    shares = _between(np.concatenate(drawn, axis=1), sizes)
    value = float(_between(np.concatenate(groups)[None], sizes)[0])
    low, high = np.quantile(shares, [0.025, 0.975]).tolist()

    def p_at(truth: float) -> float:
        each = [np.mean(of <= truth) for of in (shares, 2 * value - shares)]
        sides = [2 * min(part, 1 - part) for part in each]
        return min(float(max(sides)), 1.0) or 1 / DRAWS

    ends = min(low, 2 * value - high), max(high, 2 * value - low)
    return Estimate(value, *ends, units, "seeds", p_at=p_at)


def _between(values: Values, sizes: Sequence[int]) -> Values:
    """Return eta squared of rows of values ``[R, n]`` whose groups stand beside each other."""
    from scipy.stats import rankdata

    ranks, n = rankdata(values, axis=1), sum(sizes)
    ends = np.cumsum(sizes)[:-1]
    means = np.stack([part.mean(1) for part in np.split(ranks, ends, axis=1)], axis=1)
    between = ((means - (n + 1) / 2) ** 2 * np.array(sizes)).sum(1)
    total = ((ranks - (n + 1) / 2) ** 2).sum(1)
    # H, corrected for ties; rows of a single value have none.
    h = np.divide((n - 1) * between, total, out=np.zeros(len(values)), where=total > 0)
    found: Values = (h - len(sizes) + 1) / (n - len(sizes))
    return found


CLAIMS = (
    Claim(
        "C1",
        "Training makes massive activations appear on the edges of attention over edge features; "
        "the untrained model has none.",
        f"{PAPER}, sorted maxima of trained layers over the range of untrained ones",
        "each architecture on each data set as published, trained, against its own initial weights",
        f"{REACH}; its null is the untrained model",
        "holds where the interval over seeds is above 0, does not hold where it is below",
        "seeds in which the largest ratio falls on the other side of 1000; more training, since "
        "largest ratios of a model can fall again while magnitudes grow",
        ("cells", "sites"),
        _appear,
        ("maxima",),
    ),
    Claim(
        "C3",
        "A ratio over 1000 is what defines a massive activation, at every layer.",
        f"{PAPER}, definition of massive activations",
        "the layers of all published cells, whose calibrated thresholds have a stated rate of "
        "false positives in an ensemble of untrained models",
        "decades between 1000 and the calibrated threshold of the layer where they differ most",
        "holds where the interval is below 0.6 decades, the range of the published thresholds",
        "other sizes of layers: the ratio that chance reaches depends on head and channel numbers",
        ("cells", "thresholds"),
        _defined,
    ),
    Claim(
        "C4",
        "-log10 of the ratios of the untrained model follows a gamma law, from which the trained "
        "model departs.",
        f"{PAPER}, histograms with gamma law and Kolmogorov-Smirnov statistic",
        "all published cells, before and after training",
        "KS distance of the untrained model from its law, and how much farther the trained one is "
        "from its own; the distance of a state from its own fit is no test, so that no p-value of "
        "it is used",
        "holds where the first is below 0.05 and the second above, as 5 % of the activations is "
        "what the distance can see",
        "rare activations cannot change it: moving a share of the points moves KS by that at most",
        ("cells", "laws"),
        _laws,
        ("histogram",),
    ),
    Claim(
        "C10",
        "How common massive activations are differs by model and data set.",
        f"{PAPER}, comparison of architectures and data sets",
        "all published cells; each model on each data set is a group of seeds",
        "eta squared of the prevalence over groups, in ranks; by chance it is 0",
        "holds if the interval is above one half: most of the differences are not those of seeds",
        "more seeds, or a further data set",
        ("cells", "thresholds"),
        _differs,
    ),
)
"""Claims about ratios."""
