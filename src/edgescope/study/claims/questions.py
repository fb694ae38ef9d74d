"""What a claim says of one number, and what the number's interval makes of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgescope.study.claims.estimates import Estimate

HOLDS, REFUTED, UNDECIDED = "holds", "does not hold", "undecided at this budget"

ALPHA = 0.05
"""Chance of a wrong verdict, among all claims together; the intervals' 95 % are its other side."""

FACTOR = 2.0
"""Least factor for which words such as "gather", "spare", "move" and "prefer" are taken to mean
something: twice as much, or half as much. The published evidence for these words are colours of
heat maps, in which less than that cannot be seen."""

HALF = 0.5
"""Least part for which "removes" and "most" are taken to mean something."""

RARE = 0.05
"""What "hardly ever" is taken to mean at most: one in twenty, what a 95 % interval leaves out."""


@dataclass(frozen=True)
class Region:
    """Where a claim says that a number lies.

    Attributes:
        low: lower end.
        high: upper end.
        why: where these ends come from.
    """

    low: float = -math.inf
    high: float = math.inf
    why: str = ""

    def ruling(self, of: Estimate) -> str:
        """Return the verdict of an interval: all inside, all outside, or neither."""
        if math.isnan(of.low) or math.isnan(of.high):
            return UNDECIDED
        if self.low < of.low and of.high < self.high:
            return HOLDS
        return REFUTED if of.high < self.low or of.low > self.high else UNDECIDED

    def p(self, of: Estimate) -> float:
        """Return how likely so clear a number is if the truth lies on the nearest end; NaN if n/a.

        Inside a region with two ends, it is the larger of the two (two one-sided tests: Schuirmann,
        J. Pharmacokinet. Biopharm. 15, 1987).
        """
        ends = [end for end in (self.low, self.high) if math.isfinite(end)]
        if of.p_at is None or not ends:
            return math.nan
        if self.low < of.value < self.high:
            return max(map(of.p_at, ends))
        return of.p_at(min(ends, key=lambda end: abs(end - of.value)))


@dataclass(frozen=True)
class Question:
    """One number of a claim, for one group of cells.

    Attributes:
        group: what the number is of, such as ``"GraphTransformer on ZINC-12k"``.
        number: what it is, with its unit.
        estimate: the number and its interval over seeds or draws.
        region: where the claim says that it lies.
        null: what it is without training, by guessing, or if nothing depends on anything; None if
            there is no such value.
        null_words: which of these.
        beside: further numbers of the same cells, means over seeds.
        within: half the width of the 95 % interval over graphs within a cell, mean over seeds; in
            the unit that ``within_words`` says. None if not known.
        within_words: of what.
        condition: whether this must hold before the claim has a meaning.
        aside: why it does not enter the verdict; empty if it does.
    """

    group: str
    number: str
    estimate: Estimate
    region: Region
    null: float | None = None
    null_words: str = ""
    beside: Mapping[str, float | None] = field(default_factory=dict)
    within: float | None = None
    within_words: str = ""
    condition: bool = False
    aside: str = ""

    @property
    def ruling(self) -> str:
        """What the interval alone makes of the claim."""
        found = self.region.ruling(self.estimate)
        return UNDECIDED if self.condition and found == REFUTED else found

    @property
    def p(self) -> float:
        """P-value of that; NaN if there is none."""
        return self.region.p(self.estimate)

    @property
    def agreeing(self) -> int:
        """Number of seeds whose own number lies where the claim says."""
        return sum(self.region.low < value < self.region.high for value in self.estimate.values)
