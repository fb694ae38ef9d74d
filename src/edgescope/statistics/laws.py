r"""Laws of :math:`x = \log_{10} r` that may describe the ratios of a site.

- ``gamma``: :math:`-x` has a gamma law with free location, as published (arXiv 2409.03463);
- ``log-normal``: :math:`x` is normal, the limit of a product of many factors;
- ``skew-normal``: :math:`x` is skew-normal (Azzalini, Scand. J. Statist. 12, 1985);
- ``ex-Gaussian``: :math:`-x` is normal plus exponential, so that the density of small :math:`r` is
  a power, as it is for a product of factors that can be zero;
- ``normal-Laplace``: :math:`x` is normal plus one exponential minus another, so that the density
  of large :math:`r` is a power as well, with the tail index ``a / (scale log 10)`` (Reed and
  Jorgensen, Commun. Statist. Theory Methods 33, 2004);
- ``generalised gamma``: :math:`r` is one (Stacy, Ann. Math. Statist. 33, 1962), as is the magnitude
  of a single Gaussian factor;
- ``Weibull``: :math:`r` is one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Distribution(Protocol):
    """What is needed of a distribution; those of ``scipy.stats`` have it."""

    def logpdf(self, x: Array, *shapes: float, loc: float, scale: float) -> Array:
        """Return the logarithm of the density."""

    def cdf(self, x: Array, *shapes: float, loc: float, scale: float) -> Array:
        """Return the distribution function."""

    def stats(self, *shapes: float) -> tuple[float, float]:
        """Return mean and variance at location 0 and scale 1."""


class Law(NamedTuple):
    """A family of laws, with free location and scale."""

    distribution: Callable[[], Any]
    """Gives the distribution, a :class:`Distribution`; a call, as scipy takes long to load."""
    sign: int
    """1 if it is the law of ``x``, -1 if it is that of ``-x``."""
    shapes: tuple[str, ...] = ()
    """Names of the parameters beside location and scale."""
    starts: tuple[tuple[float, ...], ...] = ((),)
    """Where the search for the shapes begins, one after the other."""
    limits: tuple[float, float] = (0.01, 100.0)
    """Shapes beyond which the law is one of its limits, its skewness within a few hundredths, and
    its likelihood too flat to search. Shapes that must be positive are searched by their
    logarithms."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters."""
        return (*self.shapes, "loc", "scale")


class NormalLaplace:
    r"""The law of :math:`Z + E_1 / a - E_2 / b` with a normal and two exponential variables.

    With :math:`t` for the value, less the location, over the scale, the density is

    .. math::

        \frac{ab}{a + b} \left[ e^{a^2/2 - at}\, \Phi(t - a) + e^{b^2/2 + bt}\, \Phi(-t - b)
        \right]

    (Reed and Jorgensen 2004, equation 5, with the Mills ratios written out).
    """

    def logpdf(self, x: Array, a: float, b: float, loc: float, scale: float) -> Array:
        """Return the logarithm of the density."""
        upper, lower = self._parts((x - loc) / scale, a, b)
        density: Array = np.logaddexp(upper, lower) + np.log(a / (a + b) * b / scale)
        return density

    def cdf(self, x: Array, a: float, b: float, loc: float, scale: float) -> Array:
        """Return the distribution function."""
        from scipy.special import ndtr

        t = (x - loc) / scale
        upper, lower = self._parts(t, a, b)
        share: Array = ndtr(t) - (b * np.exp(upper) - a * np.exp(lower)) / (a + b)
        return share

    def stats(self, a: float, b: float) -> tuple[float, float]:
        """Return mean and variance at location 0 and scale 1."""
        return 1 / a - 1 / b, 1 + a**-2 + b**-2

    @staticmethod
    def _parts(t: Array, a: float, b: float) -> tuple[Array, Array]:
        from scipy.special import log_ndtr

        return log_ndtr(t - a) + a * (a / 2 - t), log_ndtr(-t - b) + b * (b / 2 + t)


def _scipy(name: str) -> Callable[[], Any]:
    def load() -> Any:  # noqa: ANN401  (scipy has no types)
        from scipy import stats

        return getattr(stats, name)

    return load


LAWS = {
    "gamma": Law(_scipy("gamma"), -1, ("shape",)),
    "log-normal": Law(_scipy("norm"), 1),
    "skew-normal": Law(_scipy("skewnorm"), 1, ("shape",), ((-2.0,), (2.0,)), (-1e3, 1e3)),
    "ex-Gaussian": Law(_scipy("exponnorm"), -1, ("shape",), ((1.0,), (0.2,), (5.0,)), (0.05, 1e2)),
    "normal-Laplace": Law(NormalLaplace, 1, ("a", "b"), ((2.0, 2.0), (5.0, 1.0), (1.0, 5.0))),
    "generalised gamma": Law(_scipy("loggamma"), 1, ("shape",), ((0.5,), (3.0,)), (1e-3, 1e3)),
    "Weibull": Law(_scipy("gumbel_l"), 1),
}
"""Every law by its name."""
