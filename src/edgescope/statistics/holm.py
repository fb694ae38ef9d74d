"""Family-wise control over several tests, some of which may have no p-value."""

import numpy as np
from numpy.typing import NDArray


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted after Holm (Scandinavian Journal of Statistics 6, 1979).

    Args:
        p: p-values ``[n]``; NaN where there is no test.

    Returns:
        ``[n]``, NaN where there is no test. Tests whose adjusted p-value is at most ``a`` can all
        be believed together: the chance that any of them is wrong is at most ``a``, whatever
        dependence there is between them.

    Example:
        >>> holm(np.array([0.01, 0.03, np.nan, 0.04])).tolist()
        [0.03, 0.06, nan, 0.06]
    """
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
