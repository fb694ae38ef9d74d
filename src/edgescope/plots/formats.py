"""How numbers are written for people: in the page, in its sentences and on the axes."""

import math
from collections.abc import Callable

NO_VALUE = "\N{EN DASH}"
"""Stands where there is no number."""

_SPACE = "\N{NO-BREAK SPACE}"
_TIMES = "\N{MULTIPLICATION SIGN}"
_SUPERSCRIPT = str.maketrans(
    "-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
)
_LARGE, _WHOLE, _SMALL = 1e7, 1e3, 1e-4
_DECIMALS = ((100, 0), (10, 1), (1, 2))
"""Below ``_WHOLE`` and from the first number on, so many decimals: three significant digits."""


def number(value: float | None) -> str:
    """Write a number with three significant digits, or whole where it is larger.

    Powers of ten are used from ten million on and below a ten-thousandth; counts, which are
    ``int``, are always written in full.
    """
    if not isinstance(value, float):
        return NO_VALUE if value is None else f"{value:,}"
    if math.isnan(value):
        return NO_VALUE
    size = abs(value)
    if size == 0 or _WHOLE <= size < _LARGE or (size < _WHOLE and float(value).is_integer()):
        return f"{value:,.0f}"
    if not _SMALL <= size < _LARGE:
        return scientific(value)
    decimals = next((places for least, places in _DECIMALS if size >= least), None)
    return f"{value:#.3g}" if decimals is None else f"{value:.{decimals}f}"


def scientific(value: float) -> str:
    """Write a number as a multiple of a power of ten, the multiple left out if it is one."""
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "-\N{INFINITY}"
    digits, _, exponent = f"{value:.2e}".partition("e")
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return power if digits == "1.00" else f"{digits}{_TIMES}{power}"


def percent(share: float | None) -> str:
    """Write a share with two significant digits; what is not quite all is never 100 %."""
    if share is None or math.isnan(share):
        return NO_VALUE
    value = 100 * share
    if share in {0, 1}:
        text = f"{value:.0f}"
    elif value > 99:  # noqa: PLR2004  (would round to 100)
        text = "> 99"
    elif value >= 10:  # noqa: PLR2004  (two digits before the point)
        text = f"{value:.0f}"
    elif value >= 0.001:  # noqa: PLR2004  (else the zeros would have to be counted)
        decimals = 1 - math.floor(math.log10(value))
        text = f"{value:.{decimals}f}"
    else:
        text = scientific(value)
    return f"{text}{_SPACE}%"


def interval(low: float | None, high: float | None) -> str:
    """Write an interval of shares with as many decimals as it takes to see its width."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return NO_VALUE
    width = 100 * (high - low)
    decimals = min(max(math.ceil(-math.log10(width)), 0) + 1, 6) if width else 1
    start, end = (f"{100 * share:.{decimals}f}" if share else "0" for share in (low, high))
    return f"{start} to {end}{_SPACE}%"


def between(
    low: float | None, high: float | None, write: Callable[[float | None], str] = number
) -> str:
    """Write an interval of numbers; ``write`` writes either end."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return NO_VALUE
    return f"{write(low)} to {write(high)}"


def fixed(value: float | None) -> str:
    """Write a score with three decimals, such as an area under a curve."""
    return NO_VALUE if value is None or math.isnan(value) else f"{value:.3f}"


def listing(items: list[str]) -> str:
    """Join phrases with commas, and with "and" before the last."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def kind_of_edge(edge_type: str, *, many: bool = False, aromatic: bool | None = None) -> str:
    """Name an edge by its type: "double bond", or "type 2 edge" for a type that is no bond.

    Args:
        edge_type: name of its type.
        many: whether several edges are named.
        aromatic: whether it is a bond of an aromatic system, where that is known. Data that write
            a benzene ring as alternating single and double bonds do not say so.

    Example:
        >>> kind_of_edge("double", aromatic=True), kind_of_edge("double")
        ('aromatic bond (double in the data)', 'double bond')
    """
    if aromatic and edge_type != "aromatic":
        return f"aromatic bond{'s' * many} ({edge_type} in the data)"
    if edge_type in {"single", "double", "triple", "aromatic"}:
        return f"{edge_type} bond{'s' * many}"
    if edge_type in {"edge", "node"}:  # which have no type
        return f"{edge_type}{'s' * many}"
    return f"{edge_type} edge{'s' * many}"


def with_article(noun: str) -> str:
    """Put "a" or "an" in front of a noun."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
