"""Experiment (b): how often random initialisation gives twins the same output, and why.

Folklore says about half of the time. Measured on the graph of the UvA deep-learning tutorial 7 and
on random graphs, one factor at a time: heads, channels, slope, initialisation, sign of the
features, self-loops, neighbours, and GAT against GATv2.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edgescope.lib.progress import track
from edgescope.study.twins.initialisations import Setting, draw_ties

if TYPE_CHECKING:
    import polars as pl


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


BASE = Setting()
"""What factors are varied from: a ``GATConv`` with one head of 8 channels on random features."""

TUTORIAL = Setting(channels=2, in_channels=2, self_loops=True, init="tutorial", features="tutorial")
"""The tutorial's layer with one head, on its graph."""

PYG = Setting(channels=4, in_channels=4)
"""A small ``GATConv`` of PyG: two targets with three neighbours, no self-loops."""

EARLIER: dict[tuple[str, str], tuple[Share, Share | None]] = {
    ("tutorial", "1 head of 2"): (Share(15_720, 20_000), Share(15_640, 20_000)),
    ("tutorial", "2 heads of 1"): (Share(11_380, 20_000), Share(11_280, 20_000)),
    ("PyG", "GATConv"): (Share(73, 300), None),
    ("PyG", "GATv2Conv"): (Share(2, 300), None),
}
"""Shares of ties that were measured before by other code, and of certificates. The sizes of the PyG
layers were not recorded, so those compare in kind only."""

FACTORS: dict[str, tuple[Any, ...]] = {
    "heads": (1, 2, 4, 8),
    "channels": (1, 2, 8, 32),
    "slope": (0.0, 0.01, 0.2, 0.5, 1.0),
    "init": ("glorot", "tutorial", "kaiming", "normal"),
    "features": ("normal", "positive", "negative"),
    "self_loops": (False, True),
    "neighbours": (2, 3, 5, 10),
}
"""What is varied, and its values."""


@dataclass(frozen=True)
class Tied:
    """How often twins were tied in one setting.

    Attributes:
        factor: what was varied.
        value: its value.
        setting: all of the setting.
        tied: draws whose twins have equal outputs over all heads.
        certified: draws in which the certificate holds for all heads.
        explained: of the tied draws, those with the certificate.
        uniform: of the tied draws, those with uniform attention in all heads.
        earlier: the share of ties measured before, where there is one.
        earlier_certified: likewise that of certificates.
    """

    factor: str
    value: str
    setting: Setting
    tied: Share
    certified: Share
    explained: Share
    uniform: Share
    earlier: Share | None = None
    earlier_certified: Share | None = None


@dataclass(frozen=True)
class TieFrequencies:
    """Result of :func:`tie_frequencies`.

    Attributes:
        draws: draws per setting.
        seed: what decided them.
        rows: one per setting.
    """

    draws: int
    seed: int
    rows: tuple[Tied, ...]

    def table(self) -> "pl.DataFrame":
        """Return one row per setting.

        Columns: factor, value, layer; tied and certified (shares of the draws), explained and
        uniform (of the tied draws; NaN if none is tied), each with its 95 % interval (Wilson) as
        ``_low`` and ``_high``; earlier and earlier_certified, shares that were measured before.
        What is explained by uniform attention is explained by the certificate.
        """
        import polars as pl

        rows = [
            {
                "factor": row.factor,
                "value": row.value,
                "layer": row.setting.layer,
                **row.tied.columns("tied"),
                **row.certified.columns("certified"),
                **row.explained.columns("explained"),
                **row.uniform.columns("uniform"),
                "earlier": None if row.earlier is None else row.earlier.rate,
                "earlier_certified": (
                    None if row.earlier_certified is None else row.earlier_certified.rate
                ),
            }
            for row in self.rows
        ]
        return pl.DataFrame(rows, infer_schema_length=None)


def settings() -> Iterator[tuple[str, str, Setting]]:
    """Yield factor, value and setting of everything that is measured."""
    yield "tutorial", "1 head of 2", TUTORIAL
    yield "tutorial", "2 heads of 1", replace(TUTORIAL, heads=2, channels=1)
    yield "PyG", "GATConv", PYG
    yield "PyG", "GATv2Conv", replace(PYG, layer="GATv2")
    for factor, values in FACTORS.items():
        for value in values:
            yield factor, str(value), replace(BASE, **{factor: value})
    for channels in (1, 2, 8):
        for layer in ("GAT", "GATv2"):
            yield "layer", f"{channels} channels", replace(BASE, layer=layer, channels=channels)


def tie_frequencies(draws: int = 20_000, *, seed: int = 0, progress: bool = True) -> TieFrequencies:
    """Measure how often random initialisation ties twins.

    Args:
        draws: random layers per setting.
        seed: decides the draws; every setting uses the same seed.
        progress: whether to show a bar.

    Raises:
        InputError: if ``draws`` is below 1.

    Example:
        >>> import edgescope as es
        >>> found = es.study.twins.tie_frequencies(draws=20, progress=False)
        >>> type(found).__name__
        'TieFrequencies'
    """
    every = list(settings())
    rows = [
        measure_ties(factor, value, setting, draws, seed)
        for factor, value, setting in track(every, "drawing layers", len(every), progress)
    ]
    return TieFrequencies(draws, seed, tuple(rows))


def measure_ties(factor: str, value: str, setting: Setting, draws: int, seed: int) -> Tied:
    """Measure one setting; see :func:`tie_frequencies`."""
    tied = certified = explained = uniform = 0
    for found in draw_ties(setting, draws, seed):
        all_tied, proven = found.tied.all(1), found.certified.all(1)
        tied += int(all_tied.sum())
        certified += int(proven.sum())
        explained += int((all_tied & proven).sum())
        uniform += int((all_tied & found.uniform.all(1)).sum())
    return Tied(
        factor,
        value,
        setting,
        Share(tied, draws),
        Share(certified, draws),
        Share(explained, tied),
        Share(uniform, tied),
        *EARLIER.get((factor, value), (None, None)),
    )
