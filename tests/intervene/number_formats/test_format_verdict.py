"""The verdict follows from the interval, the margin and the overflow alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.intervene.metric_resamples import LOWER_IS_BETTER
from edgescope.intervene.number_formats.format_verdict import in_words, verdict_of
from edgescope.intervene.number_formats.precision_result import SCHEMA


def row(low, high, axis="change", **more):
    base = dict.fromkeys(SCHEMA) | {"format": "float16", "remedy": "none", "nonfinite": 0}
    ends = {axis: (low + high) / 2, f"{axis}_low": low, f"{axis}_high": high}
    return base | ends | more


@given(st.sampled_from(sorted(LOWER_IS_BETTER)), st.floats(-2, 2), st.floats(0, 2), st.floats(0, 1))
def test_safe_loses_or_undecided_by_where_the_margin_lies(metric, low, width, margin):
    high = low + width
    # Harm is a rise of what should be low, and a fall of what should be high.
    changed = (low, high) if LOWER_IS_BETTER[metric] else (-high, -low)
    expected = "safe" if high <= margin else "loses" if low > margin else "undecided"
    assert verdict_of(row(*changed), metric, margin) == expected
    assert verdict_of(row(low, high, "moved"), None, margin) == expected
    assert verdict_of(row(*changed, overflow="somewhere"), metric, margin) == "overflows"
    assert verdict_of(row(*changed, nonfinite=3), metric, margin) == "overflows"


def test_without_an_interval_nothing_is_decided():
    assert verdict_of(row(math.nan, math.nan), "mae", 1.0) == "undecided"
    assert verdict_of(row(0.0, 0.0), "mae", math.nan) == "undecided"


LOST = row(0.1, 0.3, verdict="loses")


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([row(0, 0, verdict="safe"), row(0, 0, verdict="safe", remedy="mean")], "float16 is safe"),
        ([LOST], "float16 loses MAE +0.2, +0.1 to +0.3"),
        ([LOST, row(0, 0, verdict="safe", remedy="mean")], "; enough: mean"),
        ([LOST, row(0.2, 0.3, verdict="loses", remedy="clip")], "; not enough: clip"),
        ([LOST, row(0, 0, verdict="not possible", remedy="fold")], "; no remedy could be run"),
        ([row(0, 0, verdict="not run", reason="no kernel")], "float16 was not run (no kernel)"),
        (
            [row(0, 0, verdict="overflows", nonfinite=2, agrees=True)],
            "float16 overflows in the predictions (2 predictions are not finite, as predicted)",
        ),
    ],
)
def test_the_verdict_in_words(rows, text):
    assert text in in_words(rows, "mae")
