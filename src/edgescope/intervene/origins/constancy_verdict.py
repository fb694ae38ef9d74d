"""Whether massive activations are a hidden bias or a signal, by what two ablations cost.

``hidden bias``
    Zero in their place costs more than the margin, and one constant does not: a bias would do.
``signal``
    Zero costs more, and one constant does too: what is lost is in how they differ.
``unused``
    Zero costs no more than the margin, so nothing needs them. A constant may still do harm, as it
    puts something large where it does not belong.
``undecided``
    An interval that it takes holds the margin, there are too few graphs for one, or nothing is
    massive.

A cost is how much worse the metric is than that of the model as it is, or how far predictions move;
it is more than the margin if its whole 95 % interval is above, and no more if all of it is at or
below. The margin is a share of what the model gains over guessing. Whether other activations would
cost as much is said beside it, as the controls tell; it does not enter the rule.
"""

from math import isnan
from typing import Any

import polars as pl

from edgescope.intervene.ablation_result import CHOSEN
from edgescope.intervene.metric_resamples import LOWER_IS_BETTER

BIAS, SIGNAL, UNUSED, UNDECIDED = "hidden bias", "signal", "unused", "undecided"


def verdict(
    constant: pl.DataFrame, removed: pl.DataFrame, metric: str | None, margin: float
) -> dict[str, Any]:
    """Return the costs at a site, and the verdict.

    Args:
        constant: rows of the ablation with a constant, what was chosen before its controls.
        removed: those of the ablation with zero.
        metric: name of the metric.
        margin: up to which a cost is none.
    """
    chosen, zero = constant.row(0, named=True), removed.row(0, named=True)
    assert chosen["selection"] == zero["selection"] == CHOSEN
    row: dict[str, Any] = {"site": chosen["site"], "activations": chosen["activations"]}
    row |= {"share": chosen["share"], "edges": int(chosen["edges"] or 0)}
    mine, other = _cost(chosen, metric), _cost(zero, metric)
    for name, cost in (("constant", mine), ("zero", other)):
        row |= dict(zip((name, f"{name}_low", f"{name}_high"), cost, strict=True))
    beyond = _above_controls(constant, metric)
    row |= {"beyond_controls": beyond, "verdict": UNDECIDED}
    if not chosen["activations"]:
        return row
    constant_side, zero_side = (_side(cost, margin) for cost in (mine, other))
    if zero_side < 0:
        row["verdict"] = UNUSED
    elif zero_side > 0 and constant_side:
        row["verdict"] = SIGNAL if constant_side > 0 else BIAS
    return row


def _cost(row: dict[str, Any], metric: str | None) -> tuple[float | None, ...]:
    """Return a cost and the ends of its interval; worse is more."""
    axis = "moved" if metric is None else "change"
    value, low, high = (row[f"{axis}{end}"] for end in ("", "_low", "_high"))
    if metric is None or LOWER_IS_BETTER[metric] or value is None:
        return value, low, high
    return -value, -high, -low


def _side(cost: tuple[float | None, ...], margin: float) -> int:
    """Return 1 if a cost is above the margin, -1 if it is not, 0 if that is open."""
    _, low, high = cost
    if low is None or high is None or isnan(low) or isnan(high):
        return 0
    return int(low > margin) - int(high <= margin)


def _above_controls(rows: pl.DataFrame, metric: str | None) -> bool | None:
    """Say whether a constant in their place costs more than every control; None without any."""
    controls = rows.filter(pl.col("selection") != CHOSEN, pl.col("draws") > 0).rows(named=True)
    if not controls:
        return None
    axis = "moved_excess" if metric is None else "excess"
    worse = -1 if metric and not LOWER_IS_BETTER[metric] else 1
    ends = [
        min((worse * row[f"{axis}_{end}"] for end in ("low", "high")), default=0.0)
        for row in controls
        if row[f"{axis}_low"] is not None
    ]
    return len(ends) == len(controls) and all(end > 0 for end in ends)
