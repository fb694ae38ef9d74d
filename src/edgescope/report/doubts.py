"""What keeps a site without massive activations from an all-clear, as far as its scan knows."""

import math
from typing import Any

from edgescope.lib.plurals import plural
from edgescope.plots.formats import number

GROWN, GROWN_LARGEST = 100.0, 10.0
"""A site without a massive ratio is pointed out if its largest magnitude is more than a hundred
times the typical one of the untrained model, and ten times its largest: that is tens of times the
typical one itself."""

FLOAT16_MAX = 65_504.0
"""The largest number of half precision, ``torch.finfo(torch.float16).max``."""


def doubts(row: dict[str, Any], judged: dict[str, Any]) -> dict[str, str]:
    """Say what the criterion does not see at a site, in a clause for each kind of doubt.

    The kinds are ``"nonfinite"``, ``"undefined"``, where no edge has a ratio, ``"grown"``, and
    ``"beyond"`` half precision, where growth is not known.

    Args:
        row: the site's row of the numbers' ``table``.
        judged: what the criterion says of the site.
    """
    found = {}
    if row["nonfinite"]:
        found["nonfinite"] = f"activations on {plural(row['nonfinite'], 'edge')} are not finite"
    if row["undefined"] and row["undefined"] + row["nonfinite"] == row["edges"]:
        found["undefined"] = "no edge has a ratio"
    if judged["magnitude"] is None:  # where the criterion bounds it, it has judged it itself
        largest = f"the largest magnitude is {number(row['max_magnitude'])}"
        if is_grown(row):
            times = number(row["growth"])
            found["grown"] = f"{largest}, {times} times what is typical there before training"
        elif (row["max_magnitude"] or 0.0) > FLOAT16_MAX:
            found["beyond"] = largest
    return found


def is_grown(row: dict[str, Any]) -> bool:
    """Say whether magnitudes have grown far beyond those before training."""
    before = row.get("max_magnitude_untrained") or 0.0
    largest = (row["max_magnitude"] or 0.0) > GROWN_LARGEST * before
    return largest and (row.get("growth") or 0.0) > GROWN


def headroom(row: dict[str, Any]) -> float | None:
    """Return how often the largest magnitude of a site could double within half precision.

    Bits, below zero if it is beyond; None if no magnitude is known, or all are zero.
    """
    largest = row["max_magnitude"]
    return math.log2(FLOAT16_MAX / largest) if largest and math.isfinite(largest) else None
