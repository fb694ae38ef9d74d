"""The verdict is that of the stated rule, whatever the metric."""

from math import nan

import polars as pl
import pytest

from edgescope.intervene.ablation_result import SCHEMA
from edgescope.intervene.origins.constancy_verdict import verdict

MARGIN = 0.1

NONE, SOME, OPEN, FEW = (0.0, -0.05, 0.05), (0.5, 0.2, 0.8), (0.1, 0.05, 0.2), (0.5, nan, nan)


def table(cost, metric, activations=3, excess=None):
    """An ablation with a cost, and a control."""
    sign = -1 if metric == "accuracy" else 1
    ends = [sign * each for each in cost]
    ends = [ends[0], *(ends[1:] if sign == 1 else reversed(ends[1:]))]
    axis = "moved" if metric is None else "change"
    names = [f"{axis}{end}" for end in ("", "_low", "_high")]
    row = {"site": "a", "selection": "chosen", "draws": 1, "activations": activations}
    rows = [row | {"edges": 2.0, "share": 0.5} | dict(zip(names, ends, strict=True))]
    if excess is not None:
        over = "moved_excess" if metric is None else "excess"
        low, high = sorted(sign * each for each in excess)
        rows.append(
            row | {"selection": "number", f"{over}_low": low, f"{over}_high": high, over: low}
        )
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@pytest.mark.parametrize("metric", ["mae", "accuracy", None])
@pytest.mark.parametrize(
    ("constant", "zero", "expected"),
    [
        (NONE, SOME, "hidden bias"),
        (SOME, SOME, "signal"),
        (NONE, NONE, "unused"),
        (SOME, NONE, "unused"),
        (OPEN, SOME, "undecided"),
        (NONE, OPEN, "undecided"),
        (FEW, SOME, "undecided"),
        (SOME, FEW, "undecided"),
    ],
)
def test_it_follows_from_the_two_costs(metric, constant, zero, expected):
    row = verdict(table(constant, metric), table(zero, metric), metric, MARGIN)
    assert row["verdict"] == expected
    assert row["constant"] == pytest.approx(constant[0])
    assert row["beyond_controls"] is None


def test_nothing_massive_is_undecided():
    empty = table(NONE, "mae", activations=0)
    assert verdict(empty, empty, "mae", MARGIN)["verdict"] == "undecided"


@pytest.mark.parametrize("metric", ["mae", "accuracy", None])
@pytest.mark.parametrize(("excess", "expected"), [((0.1, 0.4), True), ((-0.1, 0.4), False)])
def test_controls_are_told_but_do_not_enter(metric, excess, expected):
    row = verdict(table(SOME, metric, excess=excess), table(SOME, metric), metric, MARGIN)
    assert (row["beyond_controls"], row["verdict"]) == (expected, "signal")
