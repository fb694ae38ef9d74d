"""The criterion of plain thresholds, the same at every site."""

from dataclasses import dataclass
from math import inf
from typing import Any

import polars as pl
import torch
from torch import Tensor

from edgescope.lib.mistakes import check_number
from edgescope.scanning.criteria.bounds import Bounds, Thresholds, exceeds
from edgescope.scanning.criteria.rule import Rule
from edgescope.statistics.sketch_layout import PAPER_RATIO


@dataclass(frozen=True)
class Criterion(Rule):
    """Both the ratio and the magnitude of an activation exceed a bound, the same at every site.

    Attributes:
        name: how reports call the rule.
        ratio: the ratio that must be exceeded; 0 if the rule is about magnitude only, and then
            edges whose ratio is not defined are judged as well.
        magnitude: the magnitude that must be exceeded.

    Example:
        >>> import edgescope as es
        >>> large = es.Criterion("large", ratio=500, magnitude=10)
        >>> (large | es.Criterion("huge", ratio=5000)).name
        '(large | huge)'
    """

    kind = "bounds"
    name: str
    ratio: float = PAPER_RATIO
    magnitude: float = 0.0

    def __post_init__(self) -> None:
        """Refuse bounds that select everything or nothing."""
        check_number(self.ratio, "ratio")
        check_number(self.magnitude, "magnitude")
        fine = 0 <= self.ratio < inf and 0 <= self.magnitude < inf
        if not fine or not (self.ratio or self.magnitude):
            raise ValueError(
                f"a criterion needs a positive finite ratio, or 0 and a positive magnitude, "
                f"received {self.ratio} and {self.magnitude}"
            )

    def expression(self) -> pl.Expr:
        """Return whether a row exceeds both bounds."""
        large = pl.col("value").abs() > self.magnitude
        return large & exceeds("ratio", self.ratio) if self.ratio else large

    def bounds(self, site: str) -> Bounds:
        """Return the bound on the ratio, or that on the magnitude if there is no other."""
        del site
        return Bounds(ratio=self.ratio) if self.ratio else Bounds(magnitude=self.magnitude)

    @property
    def everywhere(self) -> Thresholds:
        """Both thresholds."""
        return Thresholds(self.ratio, self.magnitude)

    def limit(self, site: str, median: Tensor) -> Tensor:
        """Return the threshold on the magnitude, or that on the ratio if it is higher ``[E]``."""
        del site
        magnitude = torch.full_like(median, self.magnitude)
        return torch.maximum(self.ratio * median, magnitude) if self.ratio else magnitude

    def in_words(self) -> str:
        """Say the thresholds."""
        asked = self.everywhere._asdict().items()
        return " and ".join(f"{axis} above {bound:,.7g}" for axis, bound in asked if bound)

    def describe(self) -> dict[str, Any]:
        """Return the name and the bounds; what is stored without a kind is of this class."""
        values = super().describe()
        if type(self) is Criterion:
            del values["kind"]
        return values
