"""How members of an untrained ensemble vary, and where one more of them may lie."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NODES = 40
"""Nodes of the integral over the uncertainty of a spread; with twice as many, probabilities down to
1e-6 are the same to 0.1 %."""

_LEFT_OUT = 1e-13
"""Probability left out at either end of that integral."""

_NEWTON_STEPS = 30

_NORMAL = 1e-3
"""Skewness below which the normal law is taken: a gamma law of a shape over four million."""


class NewMember:
    r"""Where levels of one more member lie, in spreads of ``M`` others from their mean.

    Around the true mean :math:`\mu`, in units of the true spread :math:`\sigma`, a level follows a
    Pearson III law, :math:`Z`. The mean of ``M`` is uncertain by :math:`\sigma / \sqrt M` and the
    estimated spread by a factor :math:`\sqrt{\chi^2_\nu / \nu}`, so that the distance is
    distributed as :math:`Z \sqrt{1 + 1/M} \sqrt{\nu / \chi^2_\nu}`. Without skewness that is
    Student's t with :math:`\nu` degrees of freedom, the predictive distribution of a normal sample
    (Gelman et al., Bayesian Data Analysis, 3rd edition, section 3.2).

    Args:
        members: how many others, ``M``.
        freedom: degrees of freedom of the spread of each level ``[L]``, :math:`\nu`.
        skewness: skewness of the law of each level ``[L]``.
    """

    def __init__(self, members: int, freedom: Array, skewness: Array) -> None:
        from scipy.stats import chi2

        freedom = np.asarray(freedom, dtype=np.float64)[:, None]
        low, high = chi2.ppf(_LEFT_OUT, freedom), chi2.isf(_LEFT_OUT, freedom)
        nodes = low * (high / low) ** np.linspace(0, 1, NODES)
        weight = chi2.pdf(nodes, freedom) * nodes
        self._weight = weight / weight.sum(axis=1, keepdims=True)
        self._stretch = np.sqrt((1 + 1 / members) * freedom / nodes)
        self._skewness = np.asarray(skewness, dtype=np.float64)[:, None]

    def sf(self, distance: Array) -> Array:
        """Return the probability that each level is farther up than its distance ``[L]``."""
        at = np.asarray(distance, dtype=np.float64)[:, None] / self._stretch
        beyond: Array = (pearson_sf(at, self._skewness) * self._weight).sum(axis=1)
        return beyond


def pearson_sf(distance: Array, skewness: Array) -> Array:
    r"""Return the survival function of the Pearson III law of mean 0 and variance 1.

    With skewness :math:`g` it is that of :math:`(G - a) / \sqrt a`, where :math:`G` is gamma
    distributed with shape :math:`a = 4 / g^2`, mirrored for negative skewness (Johnson, Kotz and
    Balakrishnan, Continuous Univariate Distributions 1, 1994, section 17.2).
    """
    from scipy.special import gammainc, gammaincc, ndtr

    skewness = np.where(np.abs(skewness) < _NORMAL, _NORMAL, skewness)
    shape = 4 / skewness**2
    value = np.maximum(shape + 2 * distance / skewness, 0.0)
    skewed = np.where(skewness > 0, gammaincc(shape, value), gammainc(shape, value))
    beyond: Array = np.where(np.abs(skewness) > _NORMAL, skewed, ndtr(-distance))
    return beyond


def moderated(variance: Array, freedom: float, independent: float) -> tuple[Array, Array]:
    r"""Shrink the sample variances of sites towards each other, as far as they agree.

    True variances are taken as draws from a scaled inverse :math:`\chi^2` law with :math:`d_0`
    degrees of freedom around :math:`s_0^2`; both come from the mean and the variance of the
    logarithms of the sample variances, which would differ by the trigamma function of
    :math:`d / 2` if the true ones were equal. Every site then has the variance
    :math:`(d_0 s_0^2 + d s^2) / (d_0 + d)` with :math:`d_0 + d` degrees of freedom (Smyth,
    Statistical Applications in Genetics and Molecular Biology 3, 2004, sections 3 and 6.2). If
    they differ no more than chance has it, all sites have their mean.

    Args:
        variance: sample variances of sites ``[S]``.
        freedom: degrees of freedom of each, :math:`d`.
        independent: how many independent sites these are worth, from 1 to ``S``. No variance gets
            more degrees of freedom than so many sites have together.

    Returns:
        Variances ``[S]`` and their degrees of freedom ``[S]``.
    """
    from scipy.special import digamma, polygamma

    if len(variance) == 1 or not variance.all():
        return variance, np.full(len(variance), freedom)
    half = freedom / 2
    logarithm = np.log(variance) - digamma(half) + np.log(half)
    excess = float(logarithm.var(ddof=1) - polygamma(1, half))
    most = freedom * independent
    if excess <= 0:
        return np.full(len(variance), variance.mean()), np.full(len(variance), most)
    prior = 2 * _inverse_trigamma(excess)
    centre = np.exp(logarithm.mean() + digamma(prior / 2) - np.log(prior / 2))
    shrunk = (prior * centre + freedom * variance) / (prior + freedom)
    return shrunk, np.full(len(variance), min(prior + freedom, most))


def independent_sites(values: Array) -> float:
    r"""Return how many independent sites the variances of ``values`` ``[S, M]`` are worth.

    The mean of ``S`` sample variances has the variance of one over
    :math:`S / (1 + (S - 1) \rho^2)`, where :math:`\rho^2` is the mean squared correlation of two
    sites over the members; of it is taken off what independent sites would show,
    :math:`1 / (M - 1)`.
    """
    sites, members = values.shape
    if sites == 1:
        return 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        squares: Array = np.asarray(np.corrcoef(values)) ** 2
    # A site whose members are all alike correlates with none.
    pairs = np.nan_to_num(squares[~np.eye(sites, dtype=bool)])
    chance = 1 / (members - 1)
    shared = np.clip((pairs.mean() - chance) / (1 - chance), 0, 1)
    return float(sites / (1 + (sites - 1) * shared))


def _inverse_trigamma(value: float) -> float:
    """Return where the trigamma function has a positive value (Smyth 2004, appendix)."""
    from scipy.special import polygamma

    at = 0.5 + 1 / value
    for _ in range(_NEWTON_STEPS):
        trigamma = polygamma(1, at)
        at += trigamma * (1 - trigamma / value) / polygamma(2, at)
    return float(at)
