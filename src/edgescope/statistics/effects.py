"""What a comparison of trained against untrained consists of."""

from dataclasses import dataclass
from typing import NamedTuple

Cell = float | int | str


class Estimate(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    low: float = float("nan")
    """Lower end; NaN if there is none."""
    high: float = float("nan")
    """Upper end; NaN if there is none."""


class Exceedance(NamedTuple):
    """Edges over a high quantile of the untrained model."""

    threshold: float
    """What must be exceeded: the upper edge of the bin that holds the untrained model's quantile,
    at most 0.8 % above it. Both rates are exact at it."""
    rate: Estimate
    """Share of the trained model's edges over it."""
    rate_untrained: float
    """Share of the untrained model's edges over it."""
    enrichment: Estimate
    """The one over the other; infinite if no untrained edge is over it."""


class Tail(NamedTuple):
    """How fast the tail falls: the share over ``x`` goes as ``x`` to the power of ``-alpha``."""

    alpha: Estimate
    """Tail index, as Hill estimates it; small means heavy."""
    k: int
    """How many of the largest edges it comes from."""


@dataclass(frozen=True)
class Effects:
    """How one measure, ratio or magnitude, differs between the trained and the untrained model.

    Attributes:
        edges: edges of the trained model that enter: those with a defined ratio, or those with
            a finite magnitude.
        edges_untrained: the same of the untrained model.
        groups: number of groups of graphs that were resampled.
        ks: Kolmogorov-Smirnov distance of the edges' largest values, 0 to 1. Exact at the edges of
            the bins, so too small by at most the share of either model's edges in one bin. Its
            interval comes from a uniform band around the difference of the distribution functions,
            and holds 0 if the two may be the same.
        ks_values: the same distance between all values of all edges, not only the largest.
        exceedance: edges over the untrained model's quantiles, by quantile.
        shift: decades by which a quantile lies above the untrained one, by quantile; each of the
            two is found within its bin, which is at most 0.0034 decades wide.
        tail: tail index of the trained model.
        tail_untrained: tail index of the untrained model.
        problems: why numbers or intervals are NaN.
    """

    edges: int
    edges_untrained: int
    groups: int
    ks: Estimate
    ks_values: float
    exceedance: dict[float, Exceedance]
    shift: dict[float, Estimate]
    tail: Tail
    tail_untrained: Tail
    problems: tuple[str, ...] = ()

    def row(self) -> dict[str, Cell]:
        """Return the numbers by the name of their column in a table."""
        row: dict[str, Cell] = {
            "edges": self.edges,
            "edges_untrained": self.edges_untrained,
            "groups": self.groups,
            **_columns("ks", self.ks),
            "ks_values": self.ks_values,
        }
        for q, over in self.exceedance.items():
            name = _digits(q)
            row |= {f"threshold_{name}": over.threshold, **_columns(f"rate_{name}", over.rate)}
            row[f"rate_{name}_untrained"] = over.rate_untrained
            row |= _columns(f"enrichment_{name}", over.enrichment)
        for q, shift in self.shift.items():
            row |= _columns(f"shift_{_digits(q)}", shift)
        for name, tail in {"tail": self.tail, "untrained_tail": self.tail_untrained}.items():
            row |= {**_columns(f"{name}_index", tail.alpha), f"{name}_k": tail.k}
        return {**row, "problems": "; ".join(self.problems)}


class Comparison(NamedTuple):
    """The trained against the untrained model at one site."""

    ratio: Effects
    """Of the largest ratio of every edge: single channels that stand out."""
    magnitude: Effects
    """Of the largest magnitude of every edge: growth, also of whole vectors."""


def _columns(name: str, estimate: Estimate) -> dict[str, Cell]:
    value, low, high = estimate
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _digits(q: float) -> str:
    """Name a quantile: ``median``, ``999`` for 0.999 and so on."""
    return "median" if q == 0.5 else f"{q:g}".removeprefix("0.")  # noqa: PLR2004  (one half)
