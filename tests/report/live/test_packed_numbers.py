"""Packed numbers are the rounded ones."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.report.live.packed_numbers import SYMBOLS, packed


def unpacked(width, text):
    found = []
    for at in range(0, len(text), width):
        code = 0
        for digit in text[at : at + width]:
            code = 64 * code + SYMBOLS.index(digit)
        if code < 3:
            found.append([math.nan, -math.inf, math.inf][code])
        elif width == 2:
            found.append((code - 2048) / 1000)
        else:
            found.append(float(f"{code % 2048 - 1024}e{code // 2048 - 64}"))
    return found


@given(st.lists(st.floats(width=32), max_size=20) | st.lists(st.floats(-1, 1), max_size=20))
def test_numbers_come_back_rounded_and_strange_ones_as_they_are(values):
    width, text = packed(np.array(values))
    for value, back in zip(values, unpacked(width, text), strict=True):
        if not math.isfinite(value):
            assert back == pytest.approx(value, nan_ok=True)
        elif width == 2:
            assert abs(back - value) <= 0.0005 * (1 + 1e-9)
        else:
            assert back == pytest.approx(float(f"{value:.2e}"), rel=1e-9)


def test_weights_have_two_digits_each():
    width, text = packed(np.linspace(0, 1, 11))
    assert (width, len(text)) == (2, 22)
