"""Experiment (d): do several heads save the twins? All heads degenerate, against p^H.

Heads have weights of their own, so on given features the heads of a random layer are degenerate
independently of each other, with the same probability p, and all H of them with p^H. Over random
features p is itself random. The probability of all is then the mean of p^H, which is more than the
power of the mean p (Jensen's inequality): some graphs tie twins in nearly every head.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from edgescope.lib.progress import track
from edgescope.study.twins.initialisations import Setting, draw_ties
from edgescope.study.twins.ties import Share

if TYPE_CHECKING:
    import polars as pl

CASES = {
    "tutorial": Setting(
        channels=2, in_channels=2, self_loops=True, init="tutorial", features="tutorial"
    ),
    "fixed": Setting(features="fixed"),
    "random": Setting(features="normal"),
    "random, positive": Setting(features="positive"),
}
"""Name of every case to what is drawn; the number of heads is varied."""


@dataclass(frozen=True)
class AllHeads:
    """One number of heads in one case.

    Attributes:
        case: what the features are.
        heads: number of heads ``H``.
        one: draws in which the certificate holds for a head, the first.
        every: draws in which it holds for all heads.
    """

    case: str
    heads: int
    one: Share
    every: Share

    @property
    def predicted(self) -> tuple[float, float, float]:
        """The independent prediction p^H, and the interval that of p gives."""
        low, high = self.one.interval
        return self.one.rate**self.heads, low**self.heads, high**self.heads


@dataclass(frozen=True)
class ManyHeads:
    """Result of :func:`many_heads`.

    Attributes:
        draws: draws per case and number of heads.
        seed: what decided them.
        rows: one per case and number of heads.
    """

    draws: int
    seed: int
    rows: tuple[AllHeads, ...]

    def table(self) -> "pl.DataFrame":
        """Return one row per case and number of heads.

        Columns: features, heads, one (share of draws in which a head is degenerate), predicted
        (``one ** heads``) and every (share in which all are), each with its 95 % interval as
        ``_low`` and ``_high``, and independent: whether the intervals of the last two meet.
        """
        import polars as pl

        rows = []
        for row in self.rows:
            predicted, low, high = row.predicted
            measured = row.every.columns("every")
            meets = low <= measured["every_high"] and measured["every_low"] <= high
            rows.append(
                {
                    "features": row.case,
                    "heads": row.heads,
                    **row.one.columns("one"),
                    "predicted": predicted,
                    "predicted_low": low,
                    "predicted_high": high,
                    **measured,
                    "independent": meets,
                }
            )
        return pl.DataFrame(rows)


def many_heads(
    heads: Sequence[int] = (1, 2, 4, 8),
    draws: int = 20_000,
    *,
    seed: int = 0,
    progress: bool = True,
) -> ManyHeads:
    """Measure how often all heads of a random GAT layer are degenerate on a pair of twins.

    Args:
        heads: numbers of heads.
        draws: random layers per number and case.
        seed: decides the draws.
        progress: whether to show a bar.

    Raises:
        InputError: if ``draws`` or a number of heads is below 1.

    Example:
        >>> import edgescope as es
        >>> found = es.study.twins.many_heads(heads=(1, 2), draws=20, progress=False)
        >>> type(found).__name__
        'ManyHeads'
    """
    every = [(case, replace(base, heads=n)) for case, base in CASES.items() for n in heads]
    rows = []
    for case, setting in track(every, "drawing heads", len(every), progress):
        found = torch.cat([ties.certified for ties in draw_ties(setting, draws, seed)])
        one, all_of_them = int(found[:, 0].sum()), int(found.all(1).sum())
        rows.append(AllHeads(case, setting.heads, Share(one, draws), Share(all_of_them, draws)))
    return ManyHeads(draws, seed, tuple(rows))
