"""What every criterion can do: choose rows, bound them, and compose with others."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from edgescope.statistics.sketch import SiteSketch


class Bounds(NamedTuple):
    """What an activation must exceed to be massive, perhaps: one of the two, or both."""

    ratio: float = inf
    magnitude: float = inf


Ensemble = Mapping[str, Sequence["SiteSketch"]]
"""Per site the sketches of the members of an untrained ensemble."""


class Rule(ABC):
    """A rule that calls an activation massive.

    Rules compose: ``a & b`` asks for both, ``a | b`` for one of them at least.

    Attributes:
        name: how reports call the rule.

    Example:
        >>> import edgescope as es
        >>> rule = es.Criterion("ratio", ratio=100) & es.Criterion("size", ratio=0, magnitude=5)
        >>> isinstance(rule, es.statistics.Rule), rule.name
        (True, '(ratio & size)')
    """

    name: str

    @property
    def members_needed(self) -> int:
        """How many untrained models it takes to resolve the rule."""
        return 0

    @property
    def members_supporting(self) -> int:
        """How many untrained models it takes for its stated rate to rest on what they show."""
        return 0

    @abstractmethod
    def expression(self) -> pl.Expr:
        """Return whether a row is massive, from its columns ``site``, ``ratio`` and ``value``.

        Bounds must be exceeded strictly. A ratio that is not defined, NaN, exceeds none.
        """

    @abstractmethod
    def bounds(self, site: str) -> Bounds:
        """Return bounds that no massive activation of a site is below on both axes."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return the rule in plain values, from which ``criteria.read_rule`` makes it again."""

    def resolve(self, ensemble: "Ensemble | None") -> "Rule":
        """Return the rule with its thresholds.

        Args:
            ensemble: per site the sketches of the members of an untrained ensemble.
        """
        del ensemble
        return self

    def select(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep the massive rows; they have columns ``site``, ``ratio`` and ``value``."""
        return rows.filter(self.expression())

    def __and__(self, other: "Rule") -> "Rule":
        """Return the rule that asks for both."""
        from edgescope.statistics.criteria import Both

        return Both(self, other)

    def __or__(self, other: "Rule") -> "Rule":
        """Return the rule that asks for one of the two at least."""
        from edgescope.statistics.criteria import Either

        return Either(self, other)


def exceeds(column: str, bound: "float | pl.Expr") -> pl.Expr:
    """Return whether a column exceeds a bound; polars takes NaN as larger than any number."""
    return (pl.col(column) > bound) & pl.col(column).is_not_nan()
