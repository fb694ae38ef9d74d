"""Which activation is called massive."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import polars as pl

from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_number, said
from edgescope.statistics.calibrated import Calibrated, CalibratedCriterion
from edgescope.statistics.rules import Bounds, Ensemble, Rule, exceeds

__all__ = [
    "PAPER_RATIO",
    "SUN_MAGNITUDE",
    "Both",
    "Bounds",
    "Calibrated",
    "CalibratedCriterion",
    "Criterion",
    "Either",
    "Ensemble",
    "Rule",
    "criterion",
    "read_rule",
]

PAPER_RATIO = 1000.0
"""Ratio above which the published detection calls an activation massive (arXiv 2409.03463,
section 3; taken from Sun et al. 2024, not calibrated for graph networks)."""

SUN_MAGNITUDE = 100.0
"""Magnitude above which Sun et al. (arXiv 2402.17762, section 2) call an activation massive, if
its ratio is above 1000 as well."""


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

    def describe(self) -> dict[str, Any]:
        """Return the name and the bounds."""
        return {"name": self.name, "ratio": self.ratio, "magnitude": self.magnitude}


@dataclass(frozen=True)
class _Pair(Rule):
    """Two rules together."""

    first: Rule
    second: Rule

    @property
    def members_needed(self) -> int:
        """How many the more demanding of the rules needs."""
        return max(self.first.members_needed, self.second.members_needed)

    @property
    def members_supporting(self) -> int:
        """How many the more demanding of the rules takes."""
        return max(self.first.members_supporting, self.second.members_supporting)

    def resolve(self, ensemble: Ensemble | None) -> Rule:
        """Return the same of the rules with their thresholds."""
        return type(self)(self.first.resolve(ensemble), self.second.resolve(ensemble))

    def describe(self) -> dict[str, Any]:
        """Return both rules."""
        kind = "both" if isinstance(self, Both) else "either"
        return {"kind": kind, "rules": [self.first.describe(), self.second.describe()]}


class Both(_Pair):
    """Both rules call the activation massive."""

    @property
    def name(self) -> str:  # type: ignore[override]
        """Both names."""
        return f"({self.first.name} & {self.second.name})"

    def expression(self) -> pl.Expr:
        """Return whether a row meets both rules."""
        return self.first.expression() & self.second.expression()

    def bounds(self, site: str) -> Bounds:
        """Return the bounds of one of the rules: either's would do."""
        # A rule without bound on the magnitude keeps fewer activations.
        both = (self.first.bounds(site), self.second.bounds(site))
        return max(both, key=lambda of: (of.magnitude, of.ratio))


class Either(_Pair):
    """One of the rules at least calls the activation massive."""

    @property
    def name(self) -> str:  # type: ignore[override]
        """Both names."""
        return f"({self.first.name} | {self.second.name})"

    def expression(self) -> pl.Expr:
        """Return whether a row meets one of the rules."""
        return self.first.expression() | self.second.expression()

    def bounds(self, site: str) -> Bounds:
        """Return the lower bound on each axis."""
        first, second = self.first.bounds(site), self.second.bounds(site)
        return Bounds(min(first.ratio, second.ratio), min(first.magnitude, second.magnitude))


PRESETS: dict[str, Rule] = {
    "paper2025": Criterion("paper2025"),
    "sun2024": Criterion("sun2024", magnitude=SUN_MAGNITUDE),
    "calibrated": Calibrated(),
}
"""Criteria that can be asked for by name."""


def criterion(rule: str | Rule) -> Rule:
    """Return the criterion itself, or the preset of that name.

    Raises:
        InputError: if there is no such preset.

    Example:
        >>> from edgescope.statistics import criterion
        >>> criterion("sun2024").magnitude
        100.0
    """
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, str):
        raise InputError(
            f"received {said(rule)} as criterion, expected one of {', '.join(PRESETS)}, or a rule "
            "such as edgescope.Criterion('mine', ratio=1000)"
        )
    if rule not in PRESETS:
        raise InputError(
            f"unknown criterion {rule!r}, expected one of {', '.join(PRESETS)}; "
            "or pass an edgescope.Criterion"
        )
    return PRESETS[rule]


def read_rule(description: Mapping[str, Any]) -> Rule:
    """Return the rule that :meth:`Rule.describe` describes.

    Raises:
        ValueError: if it describes none.
    """
    plain = dict(description)
    match plain.pop("kind", "bounds"):
        case "bounds":
            return Criterion(**plain)
        case "calibrated" if "thresholds" in plain:
            plain["thresholds"] = {s: Bounds(*both) for s, both in plain["thresholds"].items()}
            return CalibratedCriterion(**plain)
        case "calibrated":
            return Calibrated(**plain)
        case "both":
            return Both(*map(read_rule, plain["rules"]))
        case "either":
            return Either(*map(read_rule, plain["rules"]))
        case kind:
            raise ValueError(f"unknown kind of criterion {kind!r}")
