"""Which activation is called massive."""

from dataclasses import dataclass

import polars as pl

from edgescope.errors import InputError

PAPER_RATIO = 1000.0
"""Ratio above which the published detection calls an activation massive (arXiv 2409.03463,
section 3; taken from Sun et al. 2024, not calibrated for graph networks)."""

SUN_MAGNITUDE = 100.0
"""Magnitude above which Sun et al. (arXiv 2402.17762, section 2) call an activation massive, if
its ratio is above 1000 as well."""


@dataclass(frozen=True)
class Criterion:
    """A rule that calls an activation massive: both its ratio and its magnitude exceed a bound.

    Attributes:
        name: how reports call the rule.
        ratio: the ratio that must be exceeded.
        magnitude: the magnitude that must be exceeded.
    """

    name: str
    ratio: float = PAPER_RATIO
    magnitude: float = 0.0

    def __post_init__(self) -> None:
        """Refuse bounds that select everything or nothing."""
        if not 0 < self.ratio < float("inf") or not 0 <= self.magnitude < float("inf"):
            raise ValueError(
                f"a criterion needs a positive finite ratio and a finite magnitude of at least 0, "
                f"received {self.ratio} and {self.magnitude}"
            )

    def select(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows that meet the rule; they have columns ``ratio`` and ``value``."""
        return rows.filter(
            (pl.col("ratio") > self.ratio) & (pl.col("value").abs() > self.magnitude)
        )


PRESETS = {
    "paper2025": Criterion("paper2025"),
    "sun2024": Criterion("sun2024", magnitude=SUN_MAGNITUDE),
}
"""Criteria that can be asked for by name."""


def criterion(rule: "str | Criterion") -> Criterion:
    """Return the criterion itself, or the preset of that name.

    Raises:
        InputError: if there is no such preset.
    """
    if isinstance(rule, Criterion):
        return rule
    if rule not in PRESETS:
        raise InputError(
            f"unknown criterion {rule!r}, expected one of {', '.join(PRESETS)}; "
            "or pass an edgescope.statistics.Criterion"
        )
    return PRESETS[rule]
