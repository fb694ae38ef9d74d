"""Shares of draws, against Wilson's formula."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.study.twins.ties import Share


@given(total=st.integers(1, 10_000), data=st.data())
def test_the_interval_is_wilsons(total, data):
    count = data.draw(st.integers(0, total))
    z, p = 1.959963984540054, count / total
    middle = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    low, high = Share(count, total).interval
    assert low == pytest.approx(middle - half, abs=1e-9)
    assert high == pytest.approx(middle + half, abs=1e-9)


def test_no_draws_have_no_share():
    columns = Share(0, 0).columns("tied")
    assert list(columns) == ["tied", "tied_low", "tied_high"]
    assert all(math.isnan(value) for value in columns.values())
