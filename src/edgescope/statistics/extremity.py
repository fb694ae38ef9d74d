r"""How far a model's largest edges lie beyond those of untrained members, and how rare that is.

The null hypothesis is that the trained model is one more untrained member. Under it the ``M + 1``
models are exchangeable: which of them is the trained one says nothing. So each of them is compared
with the ``M`` others in the same way, and what the trained model shows is ranked among what all of
them show. Nothing is assumed about the edges of a model, which are far from independent, nor
about sites, which are correlated within a model.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgescope.statistics.bins import LogBins
from edgescope.statistics.members import largest, upper_levels
from edgescope.statistics.sketch import Ensemble, SiteSketch
from edgescope.statistics.sketch_layout import AXES

Array = NDArray[np.float64]
Test = tuple[str, str]
"""A site and an axis."""

ROUNDING = 2.0 ** (-2 * LogBins.bits) / 12
"""Variance of a level within its bin."""


class Significance(NamedTuple):
    """How rare what a trained model shows at one site, on one axis, is among untrained models."""

    p: float
    """Share of all models, sites and axes that are as extreme at least; see :func:`p_values`."""
    q: float
    """Chance of such a site anywhere in an untrained model; see :func:`q_value`."""


def significance(
    trained: Mapping[str, SiteSketch], ensemble: Ensemble, rate: float
) -> dict[Test, Significance]:
    """Return p and q of every site and axis; NaN where a model has no edges, or only zeros.

    Args:
        trained: per site the sketch of the trained model.
        ensemble: per site the sketches of the members of an untrained ensemble.
        rate: the largest edges that are looked at, as a share of all.
    """
    return judge(
        {
            (site, axis): top_levels([sketch, *ensemble[site]], axis, rate)
            for site, sketch in trained.items()
            for axis in AXES
        }
    )


def judge(levels: Mapping[Test, Array]) -> dict[Test, Significance]:
    """Return p and q of every site and axis from :func:`top_levels`, the trained model's first."""
    scores: dict[Test, Array] = {}
    for axis in AXES:
        tests = [test for test in levels if test[1] == axis]
        scores |= zip(tests, extremity([levels[test] for test in tests]), strict=True)
    known = [test for test in levels if np.isfinite(scores[test]).all()]
    found = dict.fromkeys(levels, Significance(np.nan, np.nan))
    if known:
        every = np.stack([scores[test] for test in known])  # [tests, M + 1]
        highest = every[:, 1:].max(axis=0)
        for test, p, score in zip(known, p_values(every), every[:, 0], strict=True):
            found[test] = Significance(float(p), q_value(float(score), highest))
    return found


def top_levels(models: Sequence[SiteSketch], axis: str, rate: float) -> Array:
    """Return the logarithms of the levels that the largest edges of several models reach.

    Args:
        models: the sketches of the models at one site.
        axis: ``"ratio"`` or ``"magnitude"``, of which the largest of every edge counts.
        rate: how far down, as a share of the edges.

    Returns:
        ``[M + 1, L]``: that of the largest edge, of the largest two, four and so on, at last that
        of a share ``rate``. They are centres of bins; minus infinity where an edge is zero, NaN
        without edges.
    """
    edges = max(largest(model, axis).sum() for model in models)
    most = max(rate * edges, 1.0)
    shares = np.append(2.0 ** np.arange(np.ceil(np.log2(most))), most) / max(edges, 1.0)
    return np.stack([upper_levels(model, axis, shares) for model in models])


def extremity(levels: Sequence[Array]) -> Array:
    r"""Return how extreme each of several models is at every site beside the others, on one axis.

    The distance of a level from the mean of the other ``M`` models is measured in
    :math:`s \sqrt{1 + 1/M}`, where :math:`s^2` is the mean of two variances between these: that of
    the site itself, and the median over all sites. A site by itself would say too little with ten
    members. If levels were normal between models and sites alike, that distance would follow
    Student's t with :math:`2 (M - 1)` degrees of freedom (Gelman et al., Bayesian Data Analysis,
    3rd edition, section 3.2). Extremity is -log of the probability of a larger one, the largest
    over the levels. That law is not relied upon: it is a scale on which sites can be compared.

    Args:
        levels: per site ``[M + 1, L]``; those that not all models have are left out.

    Returns:
        ``[S, M + 1]``; NaN at a site where some model has no edge above zero.
    """
    from scipy.stats import t as student

    models = len(levels[0])
    others = models - 1
    every = np.full((len(levels), models, max(of_site.shape[1] for of_site in levels)), np.nan)
    for row, of_site in enumerate(levels):
        everywhere = np.isfinite(of_site).all(axis=0, keepdims=True)
        every[row, :, : of_site.shape[1]] = np.where(everywhere, of_site, np.nan)
    centred = every - every.mean(axis=1, keepdims=True)
    away = centred * models / others  # from the mean of the others
    squares = (centred**2).sum(axis=1, keepdims=True) - centred * away
    # A level is known to a bin only: without that, equal models would be infinitely certain.
    variance = squares.clip(min=0.0) / (others - 1) + ROUNDING
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a level that no site has
        common = np.nanmedian(variance, axis=0)
        distance = away / np.sqrt((variance + common) / 2 * (1 + 1 / others))
        found: Array = np.nanmax(-student.logsf(distance, 2 * (others - 1)), axis=2)
    return found


def p_values(scores: Array) -> Array:
    """Return the rank of each score of the trained model among those of all models and tests.

    It is the share of all scores that are at least as large. Averaged over the tests, a share of at
    most ``p`` of an untrained model's p-values is at most ``p``, whatever the law of the scores
    and however those of a model depend on each other: that follows from exchangeability alone.
    No p-value is below one over the number of scores.

    Args:
        scores: ``[tests, M + 1]``, those of the trained model first.

    Returns:
        ``[tests]``.
    """
    ranked = np.sort(scores, axis=None)
    above = ranked.size - np.searchsorted(ranked, scores[:, 0], side="left")
    p: Array = above / ranked.size
    return p


def q_value(score: float, highest: Array) -> float:
    r"""Return the chance that an untrained model has a score as high anywhere.

    It is compared with the highest score of each of the ``M`` members, over all sites and both
    axes. Calling every site massive whose value is at most ``f`` therefore calls none in a share
    ``1 - f`` of untrained models, which also bounds the share of wrong calls among the sites that
    are called (the single-step procedure of Westfall and Young, Resampling-Based Multiple Testing,
    1993, section 2.3).

    It is the larger of two numbers. One is counted: the share of the models that go as far, the
    trained one included, if any member does. It holds whatever the law is. But ``M`` members cannot
    count below 1 / (M + 1), the chance of going farther than all of them. So the other rests on a
    law: the excess of the highest scores over the least of them, :math:`x_i`, is taken as
    exponential, for which the excess :math:`x` of one more model is larger with a probability of
    :math:`(1 + x / \sum x_i)^{-(M - 1)}`; times :math:`M / (M + 1)`, that of exceeding the least.
    The maximum of many scores falls off faster than that, so that the value is rather too large.

    Args:
        score: that of the trained model at one site.
        highest: the highest score of every member ``[M]``.
    """
    members = len(highest)
    further = int((highest >= score).sum())
    counted = (1 + further) / (members + 1) if further else 0.0
    excess = highest - highest.min()
    if score <= highest.min() or not excess.any():
        return max(counted, 1 / (members + 1))
    beyond = (1 + (score - highest.min()) / excess.sum()) ** -(members - 1)
    return float(max(counted, members / (members + 1) * beyond))
