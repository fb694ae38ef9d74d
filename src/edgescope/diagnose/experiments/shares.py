"""Shares of random draws, with their intervals."""

from dataclasses import dataclass

CONFIDENCE = 0.95
"""Coverage of the intervals."""


@dataclass(frozen=True)
class Share:
    """How many of some draws had a property.

    Attributes:
        count: draws that had it.
        total: all draws.
    """

    count: int
    total: int

    @property
    def rate(self) -> float:
        """The share itself; NaN without draws."""
        return self.count / self.total if self.total else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of the probability (JASA 22, 1927), at :data:`CONFIDENCE`."""
        from scipy.stats import binomtest

        if not self.total:
            return float("nan"), float("nan")
        found = binomtest(self.count, self.total).proportion_ci(CONFIDENCE, "wilson")
        return float(found.low), float(found.high)

    def columns(self, name: str) -> dict[str, float]:
        """Return the share and its interval as columns of a table."""
        low, high = self.interval
        return {name: self.rate, f"{name}_low": low, f"{name}_high": high}
