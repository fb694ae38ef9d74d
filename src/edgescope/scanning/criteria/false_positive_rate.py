"""The criterion that takes its thresholds from an untrained ensemble."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import polars as pl

from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_number
from edgescope.lib.typed_fields import record
from edgescope.scanning.criteria.bounds import Bounds, exceeds
from edgescope.scanning.criteria.calibration import FEWEST_MEMBERS, calibrate
from edgescope.scanning.criteria.evidence import calibration
from edgescope.scanning.criteria.rule import Rule
from edgescope.statistics.sketch import Ensemble, SiteSketch

FALSE_DISCOVERY_RATE = 0.05
"""Share of untrained models at which the calibrated criterion may call a site massive."""

SUPPORT = 0.1
"""Members times rate from which on a rate is supported: ten members support 0.01. The mean rate is
made by the members that reach highest, and members cannot show what one untrained model in
``M + 1`` does not: the rate is that model with a tenth of its edges over the threshold. With ten
members and 0.01, twenty with 0.005 or a hundred with 0.001, 90 % of ensembles of seven
architectures (SAN, SuperGAT, GATv2, AttentiveFP, GPS, GraphTransformer, TransformerConv) stayed
below 1.9 times the stated rate; with ten and 0.001, below 3.1, and at most sites no member had an
edge over the threshold."""


@dataclass(frozen=True)
class Calibrated(Rule):
    """Thresholds per site that an untrained model exceeds at a stated rate; see ``resolve``.

    Attributes:
        rate: share of the edges of a random untrained model that are called massive, by ratio
            or by magnitude; half of it goes to each of the two. By default it is what the ensemble
            supports: 0.01 with ten members, 0.001 with a hundred. A smaller one rests on a law for
            what no member shows, and a warning says so.
        fdr: share of untrained models at which any site is called massive, and so a bound on the
            share of wrongly called sites among those that are. From ``1 / fdr - 1`` members on,
            19 for 0.05, it holds whatever the law of untrained models; with ten it rests on a law
            below 1/11.
        name: how reports call the rule.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> rule = es.Calibrated(rate=0.02, fdr=0.2)
        >>> scan = es.scan(model, loader, baseline=es.Untrained(members=5), criterion=rule)
        >>> scan.calibration()["axis"].to_list()
        ['ratio', 'magnitude']
    """

    kind = "calibrated"
    rate: float | None = None
    fdr: float = FALSE_DISCOVERY_RATE
    name: str = "calibrated"

    def __post_init__(self) -> None:
        """Refuse rates that are no rates."""
        for what, rate in (("rate", self.rate), ("fdr", self.fdr)):
            if rate is None:
                continue
            check_number(rate, what)
            if not 0 < rate < 1:
                raise InputError(f"received {what}={rate}, expected a number between 0 and 1")

    @property
    def members_needed(self) -> int:
        """How many untrained models say how far they differ from each other."""
        return FEWEST_MEMBERS

    @property
    def members_supporting(self) -> int:
        """How many untrained models support the rate."""
        if self.rate is None:
            return 0
        return ceil(SUPPORT / self.rate * (1 - 1e-12))  # 0.1 / 0.01 is ten, whatever the last digit

    def unsupported(self, members: int) -> str:
        """Say that the rate is beyond what so many untrained members support, if it is."""
        if members >= self.members_supporting:
            return ""
        return (
            f"the criterion {self.name!r} states a rate that takes {self.members_supporting:,} "
            f"untrained members, received {members}, which support {SUPPORT / members:.2g}: the "
            "thresholds rest on a law for what no member shows, and may be off by more than a "
            f"factor of two. Pass es.Calibrated(), which states {SUPPORT / members:.2g}, or "
            f"baseline=es.Untrained({self.members_supporting}). Whether a site is massive (p, q) "
            "does not depend on it"
        )

    def resolve(self, ensemble: Ensemble | None) -> "CalibratedCriterion":
        """Return the rule with the thresholds of every site.

        Raises:
            InputError: if there is no ensemble to calibrate on.
        """
        if not ensemble:
            raise self._unresolved()
        members = min(map(len, ensemble.values()))
        rate = SUPPORT / members if self.rate is None else self.rate
        found = {
            axis: calibrate(ensemble, axis, rate / len(Bounds._fields)) for axis in Bounds._fields
        }
        limits = {
            site: Bounds(**{axis: of_axis[site].threshold for axis, of_axis in found.items()})
            for site in ensemble
        }
        return CalibratedCriterion(self.name, rate, self.fdr, limits)

    def expression(self) -> pl.Expr:
        """Refuse: the thresholds are not known yet."""
        raise self._unresolved()

    def bounds(self, site: str) -> Bounds:
        """Refuse: the thresholds are not known yet."""
        del site
        raise self._unresolved()

    def in_words(self) -> str:
        """Say the rate, as far as it is given."""
        return _in_words(self.rate)

    @classmethod
    def from_description(cls, values: Mapping[str, Any]) -> "Calibrated | CalibratedCriterion":
        """Return the rule, with its thresholds if it has them."""
        if "thresholds" in values:
            return CalibratedCriterion.from_description(values)
        return record(cls, dict(values))

    def _unresolved(self) -> InputError:
        return InputError(
            f"the criterion {self.name!r} takes its thresholds from an untrained ensemble; "
            "scan with baseline=es.Untrained(), or call resolve first"
        )


@dataclass(frozen=True)
class CalibratedCriterion(Rule):
    """The ratio or the magnitude of an activation exceeds the threshold of its site.

    Attributes:
        name: how reports call the rule.
        rate: false-positive rate per edge that the thresholds stand for.
        fdr: share of untrained models at which any site may be called massive.
        thresholds: per site the ratio and the magnitude that must be exceeded, one of them.
    """

    name: str
    rate: float
    fdr: float
    thresholds: Mapping[str, Bounds] = field(hash=False)

    def expression(self) -> pl.Expr:
        """Return whether a row exceeds one of the thresholds of its site."""
        limits = {
            axis: pl.col("site").replace_strict(
                {site: getattr(both, axis) for site, both in self.thresholds.items()},
                return_dtype=pl.Float64,
            )
            for axis in Bounds._fields
        }
        large = pl.col("value").abs() > limits["magnitude"]
        return large | exceeds("ratio", limits["ratio"])

    def bounds(self, site: str) -> Bounds:
        """Return the thresholds of a site.

        Raises:
            InputError: if the baseline did not have it.
        """
        if site not in self.thresholds:
            raise InputError(
                f"the criterion {self.name!r} has no thresholds for {site}, only for "
                f"{', '.join(self.thresholds)}; calibrate it on a baseline with that site"
            )
        return self.thresholds[site]

    def in_words(self) -> str:
        """Say the rate."""
        return _in_words(self.rate)

    @property
    def members_tested(self) -> int:
        """How many untrained models a p-value takes."""
        return FEWEST_MEMBERS

    @property
    def stated_rate(self) -> float:
        """The rate."""
        return self.rate

    def evidence(self, sites: Mapping[str, SiteSketch], ensemble: Ensemble) -> pl.DataFrame:
        """Return what :func:`~edgescope.scanning.criteria.evidence.calibration` says."""
        thresholds = {site: self.bounds(site) for site in sites}
        return calibration(sites, ensemble, thresholds, self.rate, self.fdr)

    def test_in_words(self, members: int) -> str:
        """Say that the largest edges are beyond chance."""
        return (
            f"the largest edges lie further beyond those of {members} untrained models than "
            f"{_percent(self.fdr)} of untrained models do anywhere"
        )

    def describe(self) -> dict[str, Any]:
        """Return the rates and the thresholds."""
        limits = {site: list(both) for site, both in self.thresholds.items()}
        return {
            "kind": Calibrated.kind,
            "name": self.name,
            "rate": self.rate,
            "fdr": self.fdr,
            "thresholds": limits,
        }

    @classmethod
    def from_description(cls, values: Mapping[str, Any]) -> "CalibratedCriterion":
        """Return the rule with its thresholds."""
        limits = {site: Bounds(*both) for site, both in values["thresholds"].items()}
        return cls(**{**values, "thresholds": limits})


def _in_words(rate: float | None) -> str:
    share = "a supported share" if rate is None else _percent(rate)
    return (
        "ratio or magnitude above the site's threshold, which "
        f"{share} of an untrained model's edges exceed"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g}\N{NO-BREAK SPACE}%"
