"""What a training must not pass, and what did."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_number


def check_positive(number: float | None, name: str) -> None:
    """Refuse what is no positive number; ``None`` stands for no limit.

    Raises:
        InputError: naming what was received.
    """
    if number is None:
        return
    check_number(number, name)
    if not 0 < number < inf:
        raise InputError(f"received {name}={number}, expected a positive number")


class Limits:
    """Bounds on the ratio and the headroom of every site; nothing may be a NaN or an infinity.

    Args:
        ratio: the largest that is no cause for a warning; ``None`` for any.
        headroom: the least, in bits; ``None`` for any.

    Attributes:
        passed: sites, each with what it passed so far.
    """

    def __init__(self, ratio: float | None, headroom: float | None) -> None:
        check_positive(ratio, "limit")
        check_positive(headroom, "least_headroom")
        self.passed: dict[str, list[str]] = {}
        self._ratio, self._headroom = ratio, headroom

    def judge(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Say what the rows of a record pass for the first time; empty if nothing."""
        said = []
        for row in rows:
            known = self.passed.get(row["site"], [])
            new = {kind: words for kind, words in self._beyond(row).items() if kind not in known}
            if new:
                self.passed[row["site"]] = [*known, *new]
                said.append(f"{row['site']}: {', '.join(new.values())}")
        return "; ".join(said)

    def _beyond(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return what a row passes, in words."""
        ratio, headroom = row["largest_ratio"], row["headroom_bits"]
        found = {}
        if self._ratio is not None and ratio is not None and ratio > self._ratio:
            found["ratio"] = f"a ratio of {ratio:,.4g}, above the limit of {self._ratio:,.7g}"
        least = self._headroom
        if least is not None and headroom is not None and headroom < least:
            found["headroom"] = (
                f"{headroom:.2g} bits below the largest {row['dtype']}, less than {least:g}"
            )
        if row["nonfinite"]:
            found["nonfinite"] = f"{row['nonfinite']:,} edges with a NaN or an infinity"
        return found
