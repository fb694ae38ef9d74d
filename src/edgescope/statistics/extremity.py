r"""How far a model's largest edges lie beyond those of untrained members, and how rare that is.

The null hypothesis is that the trained model is one more untrained member. Under it the ``M + 1``
models are exchangeable: which of them is the trained one says nothing. So each of them is compared
with the ``M`` others in the same way, and what the trained model shows is ranked among what all of
them show. Nothing is assumed about the edges of a model, which are far from independent, nor
about sites, which are correlated within a model.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgescope.statistics.members import largest, upper_levels
from edgescope.statistics.rules import Bounds, Ensemble
from edgescope.statistics.sketch import SiteSketch

Array = NDArray[np.float64]
Test = tuple[str, str]
"""A site and an axis."""


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
    every = {
        (site, axis): extremity([sketch, *ensemble[site]], axis, rate)
        for site, sketch in trained.items()
        for axis in Bounds._fields
    }
    known = {test: found for test, found in every.items() if np.isfinite(found).all()}
    nothing = Significance(np.nan, np.nan)
    if not known:
        return dict.fromkeys(every, nothing)
    scores = np.stack(list(known.values()))  # [tests, M + 1]
    p, highest = p_values(scores), scores[:, 1:].max(axis=0)
    found = {
        test: Significance(float(p[row]), q_value(float(scores[row, 0]), highest))
        for row, test in enumerate(known)
    }
    return {test: found.get(test, nothing) for test in every}


def extremity(models: list[SiteSketch], axis: str, rate: float) -> Array:
    r"""Return how extreme the largest edges of each of several models are beside the others'.

    Compared are the levels that the largest edge reaches, the largest two, four and so on up to a
    share ``rate``, on a logarithmic scale. The distance of a level from the mean of the other
    ``M``, in their standard deviations times :math:`\sqrt{1 + 1/M}`, would follow Student's t with
    ``M - 1`` degrees of freedom if levels were normal between models (Gelman et al., Bayesian Data
    Analysis, 3rd edition, section 3.2). Extremity is -log of the probability of a larger distance,
    the largest over all levels. It is a scale only: that law is not relied upon.

    Args:
        models: the sketches of ``M + 1`` models at one site.
        axis: ``"ratio"`` or ``"magnitude"``, of which the largest of every edge counts.
        rate: the share.

    Returns:
        ``[M + 1]``; NaN if some model has no edge above zero.
    """
    from scipy.stats import t as student

    edges = max(largest(model, axis).sum() for model in models)
    if not edges:
        return np.full(len(models), np.nan)
    most = max(rate * edges, 1.0)
    shares = np.append(2.0 ** np.arange(np.ceil(np.log2(most))), most) / edges
    levels = np.stack([upper_levels(model, axis, shares) for model in models])
    levels = levels[:, np.isfinite(levels).all(axis=0)]
    if not levels.size:
        return np.full(len(models), np.nan)
    bins = getattr(models[0].layout, axis)
    # A level is known to a bin only: without that, equal models would be infinitely certain.
    rounding = 2.0 ** (-2 * bins.bits) / 12
    others = len(models) - 1
    away = (levels - levels.mean(axis=0)) * len(models) / others  # from the mean of the others
    squares = ((levels - levels.mean(axis=0)) ** 2).sum(axis=0) - away**2 * others / len(models)
    variance = squares.clip(min=0.0) / (others - 1) + rounding
    distance = away / np.sqrt(variance * (1 + 1 / others))
    found: Array = -student.logsf(distance, others - 1).min(axis=1)
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
