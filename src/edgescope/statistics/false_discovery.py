"""False-discovery control over many tests, some of which may have no p-value."""

import numpy as np
from numpy.typing import NDArray


def q_values(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return q-values after Benjamini and Hochberg (J. R. Stat. Soc. B 57, 1995).

    Args:
        p: p-values ``[n]``; NaN where there is no test.

    Returns:
        ``[n]``, NaN where there is no test.
    """
    from scipy.stats import false_discovery_control

    q = np.full(len(p), np.nan)
    tested = np.isfinite(p)
    if tested.any():
        q[tested] = false_discovery_control(p[tested])
    return q
