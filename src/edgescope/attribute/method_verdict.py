"""What a leaderboard says of single methods, in words."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

REFERENCE = "random"
"""The method that every other is compared with."""


CLAIMED = ("massive", "massive_reversed")
"""The attribution from massive activations, and its reverse."""

RARITY = "edge_type_frequency"
"""The baseline that knows nothing but the types of edges."""

_QUESTIONS = {
    "auroc": ("tells true edges from others", "AUROC", 1),
    "plus": ("finds edges whose removal moves the prediction", "fidelity+ area", 1),
    "minus": ("finds edges that alone keep the prediction", "fidelity- area", -1),
}
"""What is asked, what it is measured by, and 1 if more is better, else -1."""


def sentences(
    table: "pl.DataFrame",
    difference: Callable[[str, str], "pl.DataFrame"],
    methods: Sequence[str] | None = None,
) -> list[str]:
    """Say whether methods are better than importances at random, worse or no different.

    A difference is one if its 95 % interval leaves out 0. Where truth is known, methods are also
    compared with how rare an edge's type is, which needs no model.

    Args:
        table: of a leaderboard, as :meth:`edgescope.attribute.Leaderboard.table` gives it.
        difference: :meth:`edgescope.attribute.Leaderboard.difference`.
        methods: which to speak of; by default those of massive activations, else all.
    """
    present = [name for name in table["method"].unique(maintain_order=True) if name != REFERENCE]
    asked = methods or [name for name in CLAIMED if name in present] or present
    lines = []
    for row in table.iter_rows(named=True):
        if row["method"] in asked:
            told = [_answer(row, name) for name in _QUESTIONS if row[name] is not None]
            if RARITY in present:
                told[1:1] = _beside_rarity(difference, row)
            subject = f"{row['data']} {row['recipe']}".strip()
            lines.append(f"{subject}, {row['method']}: {'; '.join(told)}")
    return lines


def verdict(low: float | None, high: float | None, other: str, better: int = 1) -> str:
    """Return in words what the interval of a paired difference says.

    Args:
        low: lower end; None if there is none.
        high: upper end.
        other: what the difference is to.
        better: 1 if more is better, else -1.
    """
    if low is None or high is None:
        return f"on too few graphs to compare with {other}"
    sign = better * (int(low > 0) - int(high < 0))
    return {1: "better than", -1: "worse than", 0: "no different from"}[sign] + f" {other}"


def _answer(row: Mapping[str, Any], name: str) -> str:
    question, measure, better = _QUESTIONS[name]
    difference, low, high = (row[f"{name}_difference{end}"] for end in ("", "_low", "_high"))
    told = verdict(low, high, REFERENCE, better)
    numbers = [f"{measure} {row[name]:.3f}", _numbers(difference, low, high)]
    return f"{question} {told} ({', '.join(filter(None, numbers))})"


def _beside_rarity(
    difference: Callable[[str, str], "pl.DataFrame"], row: Mapping[str, Any]
) -> list[str]:
    if row["auroc"] is None or row["method"] == RARITY:
        return []
    for found in difference(row["method"], RARITY).iter_rows(named=True):
        if (found["data"], found["recipe"]) == (row["data"], row["recipe"]):
            low, high = found["low"], found["high"]
            told = verdict(low, high, "that of the rarity of an edge's type")
            return [f"its AUROC is {told} ({_numbers(found['difference'], low, high)})"]
    return []


def _numbers(difference: float | None, low: float | None, high: float | None) -> str:
    if difference is None:
        return ""
    ends = "" if low is None else f" [{low:+.3f}, {high:+.3f}]"
    return f"difference {difference:+.3f}{ends}"
