"""What a criterion is: a rule that chooses rows, says so in words, and can be stored and composed.

To add one, write a subclass of :class:`Rule` with a ``kind``: docs/extending-criterion.md.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import get_annotations
from typing import Any, ClassVar, Self
from warnings import warn

import polars as pl
import torch
from torch import Tensor

from edgescope.lib.class_registry import ClassRegistry
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.typed_fields import fields_of, record
from edgescope.scanning.criteria.bounds import Bounds, Thresholds
from edgescope.statistics.sketch import Ensemble, SiteSketch


class Rule(ABC):
    """A rule that calls an activation massive.

    Rules compose: ``a & b`` asks for both, ``a | b`` for one of them at least. Two scans are of the
    same rule, and can be merged, if their rules are equal; a frozen dataclass is.

    Attributes:
        kind: what stored scans and the command line call the class. A class without one can be
            scanned with, but not stored.
        name: how reports call the rule; its kind, unless it says otherwise.

    Example:
        >>> import edgescope as es
        >>> (es.criterion("paper2025") & es.Criterion("large", ratio=0, magnitude=50)).in_words()
        '(ratio above 1,000) and (magnitude above 50)'
    """

    kind: ClassVar[str] = ""
    name: str

    def __init_subclass__(cls, **options: Any) -> None:
        """Register a class that has a kind of its own."""
        super().__init_subclass__(**options)
        if kind := cls.__dict__.get("kind"):
            KINDS.register(kind, cls)
        if not hasattr(cls, "name") and "name" not in get_annotations(cls):
            cls.name = kind or cls.__name__

    @abstractmethod
    def expression(self) -> pl.Expr:
        """Return whether a row is massive.

        Bounds must be exceeded strictly. A ratio that is not defined, NaN, exceeds none; see
        :func:`~edgescope.scanning.criteria.exceeds`.

        Rows have the columns ``site``, ``graph``, ``edge``, ``source``, ``target``, ``head``,
        ``channel``, ``value`` and ``ratio``, see :meth:`edgescope.Scan.massive`. All rows of an
        edge are there that exceed one of the :meth:`bounds`, so that a rule can count them:
        ``over(EDGE)`` on :data:`~edgescope.scanning.criteria.EDGE`.
        """

    @abstractmethod
    def bounds(self, site: str) -> Bounds:
        """Return bounds that no massive activation of a site is below on both axes."""

    @abstractmethod
    def in_words(self) -> str:
        """Say what an activation must do to be called massive, as "ratio above 1,000"."""

    @property
    def everywhere(self) -> Thresholds | None:
        """What an activation must exceed at every site, if that is all the rule asks."""
        return None

    def limit(self, site: str, median: Tensor) -> Tensor:
        """Return the largest magnitude that the rule does not call massive, by edge ``[E]``.

        That is what ``es.ablate(value="clip")`` cuts activations down to. By default it is what
        :meth:`bounds` leaves, which may be less than the largest.

        Args:
            site: name of the site.
            median: median magnitude of every edge ``[E]``, infinite where it has no ratio.

        Raises:
            InputError: if the rule has no bound above zero.
        """
        bounds = self.bounds(site)
        if not min(bounds) > 0:
            raise InputError(
                f"the criterion {self.name!r} has no threshold to clip to; use another value"
            )
        return (bounds.ratio * median).clamp(max=bounds.magnitude)

    @property
    def members_needed(self) -> int:
        """How many untrained models it takes to resolve the rule."""
        return 0

    def resolve(self, ensemble: Ensemble | None) -> "Rule":
        """Return the rule with its thresholds.

        Args:
            ensemble: per site the sketches of the members of an untrained ensemble.
        """
        del ensemble
        return self

    def unsupported(self, members: int) -> str:
        """Say what is unsure about the rule with so many untrained members; empty if nothing is."""
        del members
        return ""

    def warn_unsupported(self, members: int, stacklevel: int) -> None:
        """Warn if something is unsure about the rule with so many untrained members."""
        if words := self.unsupported(members):
            warn(words, EdgescopeWarning, stacklevel=stacklevel + 1)

    @property
    def members_tested(self) -> int:
        """How many untrained models its test of a site takes; 0 if it tests none."""
        return 0

    def evidence(self, sites: Mapping[str, SiteSketch], ensemble: Ensemble) -> pl.DataFrame:
        """Return what the test of every site rests on, one row per site and axis.

        Args:
            sites: per site the sketch of the model.
            ensemble: per site the sketches of the members, at least :attr:`members_tested`.

        Returns:
            A table of ``site``, ``axis`` (``"ratio"`` or ``"magnitude"``), ``massive`` (what the
            test says) and others, of which ``threshold``, ``members_over``, ``supported``,
            ``exceedance``, ``p`` and ``q`` enter :meth:`edgescope.Scan.table`.

        Raises:
            InputError: if the rule tests no site.
        """
        del sites, ensemble
        raise InputError(
            f"received the criterion {self.name!r}, expected 'calibrated' or an "
            "edgescope.Calibrated, or another one that tests sites"
        )

    @property
    def stated_rate(self) -> float | None:
        """Share of an untrained model's edges over the thresholds, if its evidence has p and q."""
        return None

    def test_in_words(self, members: int) -> str:
        """Say what holds at a site that the test calls massive, of several things."""
        return f"the activations pass the test of {self.name} against {members} untrained models"

    def parts(self) -> tuple["Rule", ...]:
        """Return the rule itself, or those that it is composed of."""
        return (self,)

    def select(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep the massive rows; their columns are those that :meth:`expression` takes."""
        return rows.filter(self.expression())

    def describe(self) -> dict[str, Any]:
        """Return the rule in plain values, from which :func:`read_rule` makes it again.

        Raises:
            InputError: if the class has no kind, or its values do not come back from JSON.
        """
        cls = type(self)
        kind, origin = cls.__dict__.get("kind"), f"{cls.__module__}.{cls.__qualname__}"
        values = {field.name: getattr(self, field.name) for field in fields_of(self)}
        try:
            fits = self.from_description(json.loads(json.dumps(values))) == self
        except (TypeError, ValueError):
            fits = False
        if not (kind and fits):
            raise InputError(
                f"the criterion {self.name!r} cannot be stored: its class {origin} "
                f"{'does not come back from JSON' if kind else 'has no kind of its own'}; make it "
                "a frozen dataclass with a kind, whose fields are numbers, texts, and tuples and "
                "dictionaries of these"
            )
        # Whoever lacks the class is told where it was defined.
        foreign = {} if origin.startswith("edgescope.") else {"class": origin}
        return {"kind": kind} | foreign | values

    @classmethod
    def from_description(cls, values: Mapping[str, Any]) -> "Rule":
        """Return the rule of the values that :meth:`describe` gave, without the kind.

        Raises:
            TypeError: if a value is unknown, missing, or of another type.
        """
        return record(cls, dict(values))

    def __and__(self, other: "Rule") -> "Rule":
        """Return the rule that asks for both."""
        return Both(self, other)

    def __or__(self, other: "Rule") -> "Rule":
        """Return the rule that asks for one of the two at least."""
        return Either(self, other)


KINDS: ClassRegistry[Rule] = ClassRegistry("criterion", "edgescope.criteria")
"""Classes of rules by their kind."""


@dataclass(frozen=True)
class _Pair(Rule):
    """Two rules together."""

    first: Rule
    second: Rule
    _asks_both: ClassVar[bool]

    @property
    def name(self) -> str:  # type: ignore[override]
        """Both names."""
        return f"({self.first.name} {'&' if self._asks_both else '|'} {self.second.name})"

    @property
    def members_needed(self) -> int:
        """How many the more demanding of the rules needs."""
        return max(self.first.members_needed, self.second.members_needed)

    def resolve(self, ensemble: Ensemble | None) -> Self:
        """Return the same of the rules with their thresholds."""
        return type(self)(self.first.resolve(ensemble), self.second.resolve(ensemble))

    def unsupported(self, members: int) -> str:
        """Say what is unsure about the first of the rules of which something is."""
        return self.first.unsupported(members) or self.second.unsupported(members)

    def parts(self) -> tuple[Rule, ...]:
        """Return the parts of both."""
        return (*self.first.parts(), *self.second.parts())

    def expression(self) -> pl.Expr:
        """Return whether a row meets both rules, or one of them."""
        first, second = self.first.expression(), self.second.expression()
        return first & second if self._asks_both else first | second

    def limit(self, site: str, median: Tensor) -> Tensor:
        """Return the larger limit if both rules must be met, else the smaller one."""
        pick = torch.maximum if self._asks_both else torch.minimum
        return pick(self.first.limit(site, median), self.second.limit(site, median))

    def in_words(self) -> str:
        """Say both."""
        word = "and" if self._asks_both else "or"
        return f"({self.first.in_words()}) {word} ({self.second.in_words()})"

    def describe(self) -> dict[str, Any]:
        """Return both rules."""
        return {"kind": self.kind, "rules": [self.first.describe(), self.second.describe()]}

    @classmethod
    def from_description(cls, values: Mapping[str, Any]) -> Self:
        """Return the same of both rules."""
        return cls(*map(read_rule, values["rules"]))


class Both(_Pair):
    """Both rules call the activation massive."""

    kind = "both"
    _asks_both = True

    def bounds(self, site: str) -> Bounds:
        """Return the bounds of one of the rules: either's would do."""
        # A rule without bound on the magnitude keeps fewer activations.
        both = (self.first.bounds(site), self.second.bounds(site))
        return max(both, key=lambda of: (of.magnitude, of.ratio))


class Either(_Pair):
    """One of the rules at least calls the activation massive."""

    kind = "either"
    _asks_both = False

    def bounds(self, site: str) -> Bounds:
        """Return the lower bound on each axis."""
        first, second = self.first.bounds(site), self.second.bounds(site)
        return Bounds(min(first.ratio, second.ratio), min(first.magnitude, second.magnitude))


def read_rule(description: Mapping[str, Any]) -> Rule:
    """Return the rule that :meth:`Rule.describe` describes.

    Raises:
        DamagedError: if its class is not known; other errors if it describes none.
    """
    values = dict(description)
    kind, origin = values.pop("kind", "bounds"), values.pop("class", None)
    return KINDS.of_stored(kind, origin).from_description(values)
