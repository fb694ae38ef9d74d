"""Rounded numbers as a short text, for a page that holds many of them."""

import numpy as np
from numpy.typing import NDArray

SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""Digits to the base 64."""

STRANGE = 3
"""Codes that stand for no number: NaN, minus infinity and infinity."""

FIXED, FLOATING = 2, 3
"""Digits per number, if all are multiples of a thousandth up to two, and if not."""

STEPS = 1000
"""Thousandths."""

MANTISSAS, LOWEST = 2048, 64
"""A floating number is one of so many mantissas, of three decimal places at most, by a power of ten
from minus this one on; what is smaller is zero."""


def packed(values: NDArray[np.floating]) -> tuple[int, str]:
    """Write numbers as digits to the base 64.

    Args:
        values: the numbers ``[N]``.

    Returns:
        How many digits each number has, and the digits. The codes 0, 1 and 2 are NaN, minus
        infinity and infinity. Of two digits, a number is the code minus 2,048 in thousandths; of
        three, the rest of the code by 2,048, minus 1,024, times ten to the power of the quotient
        minus 64.

    Example:
        >>> import numpy as np
        >>> packed(np.array([0.0, 0.25, np.nan]))
        (2, 'gAj6AA')
    """
    real = np.asarray(values, dtype=np.float64)
    whole = np.where(np.isfinite(real), real, 0.0)
    half = 64**FIXED // 2
    if np.abs(whole).max(initial=0.0) * STEPS < half - STRANGE - 1:
        width, codes = FIXED, np.rint(whole * STEPS).astype(np.int64) + half
    else:
        width, codes = FLOATING, _floating(whole)
    for code, strange in enumerate((np.isnan(real), np.isneginf(real), np.isposinf(real))):
        codes[strange] = code
    digits = [codes // 64**place % 64 for place in reversed(range(width))]
    order = np.stack(digits, axis=1).reshape(-1)
    return width, "".join(SYMBOLS[digit] for digit in order)


def _floating(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the codes of numbers with three decimal places that tell."""
    texts = [f"{value:.2e}" for value in values]
    mantissas = np.array([round(float(text.partition("e")[0]) * 100) for text in texts], dtype=int)
    powers = np.array([int(text.partition("e")[2]) - 2 for text in texts], dtype=int)
    small = (powers < -LOWEST) | (mantissas == 0)
    powers, mantissas = np.where(small, 0, powers), np.where(small, 0, mantissas)
    codes: NDArray[np.int64] = (powers + LOWEST) * MANTISSAS + mantissas + MANTISSAS // 2
    return codes
