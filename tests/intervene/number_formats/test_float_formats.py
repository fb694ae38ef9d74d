"""Rounding to a format, held against the list of all its numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgescope.intervene.number_formats.float_formats import FLOATS, Loss, float_loss

BITS = {"float16": (5, 10), "bfloat16": (8, 7), "float8 e4m3": (4, 3), "float8 e5m2": (5, 2)}
"""Bits of exponent and of mantissa."""


def numbers(name):
    """Every non-negative finite number of a format, ascending, from its definition."""
    exponent, mantissa = BITS[name]
    bias, last = 2 ** (exponent - 1) - 1, 2**exponent - 1
    found = [m / 2**mantissa * 2.0 ** (1 - bias) for m in range(2**mantissa)]
    for e in range(1, last + 1):
        found += [(1 + m / 2**mantissa) * 2.0 ** (e - bias) for m in range(2**mantissa)]
    # The last exponent is for what is not finite; e4m3 has only its last number for that.
    return np.array(found[:-1] if name == "float8 e4m3" else found[: -(2**mantissa)])


KNOWN = {name: numbers(name) for name in BITS}


def rounded(magnitudes, name):
    """The nearest numbers of a format, halfway the one with an even last bit; infinite beyond."""
    known = KNOWN[name]
    step = known[-1] - known[-2]
    ladder = np.append(known, known[-1] + step)
    above = np.clip(np.searchsorted(ladder, magnitudes), 1, len(ladder) - 1)
    low, high = ladder[above - 1], ladder[above]
    middle = (low + high) / 2
    up = (magnitudes > middle) | ((magnitudes == middle) & (above % 2 == 0))
    place = np.where(up, above, above - 1)
    return np.where((place == len(known)) | (magnitudes > ladder[-1]), np.inf, ladder[place])


@pytest.mark.parametrize("name", BITS)
def test_a_format_ends_where_its_definition_says(name):
    form, known = FLOATS[name], KNOWN[name]
    assert form.largest == known[-1]
    assert form.smallest == known[2 ** BITS[name][1]]
    below = float(np.nextafter(np.float32(form.limit), np.float32(0)))
    assert rounded(np.array([below, form.limit]), name).tolist() == [known[-1], np.inf]


@pytest.mark.parametrize("name", BITS)
@given(
    values=arrays.arrays(
        np.float32,
        st.integers(0, 30),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    )
    | arrays.arrays(np.float32, st.integers(0, 30), elements=st.floats(-(2**18), 2**18, width=32))
)
def test_what_rounding_loses_is_what_the_list_of_all_numbers_says(name, values):
    found = float_loss(torch.from_numpy(values), FLOATS[name])
    exact = np.abs(values[np.isfinite(values)].astype(np.float64))
    near = rounded(exact, name)
    assert found.beyond == np.isinf(near).sum()
    assert found.vanishing == ((near == 0) & (exact > 0)).sum()
    within = (exact >= FLOATS[name].smallest) & np.isfinite(near)
    errors = np.abs(near - exact)[within] / exact[within]
    assert found.rounded == len(errors)
    assert found.total == pytest.approx(errors.sum(), rel=1e-5, abs=1e-12)
    assert found.largest == pytest.approx(errors.max(initial=0), rel=1e-5, abs=1e-12)


def test_headroom_is_in_bits_and_negative_beyond_the_largest_number():
    form = FLOATS["float16"]
    assert form.headroom(form.largest) == 0
    assert form.headroom(680_000.0) == pytest.approx(np.log2(65_504 / 680_000))
    assert form.headroom(0.0) == np.inf


@given(values=arrays.arrays(np.float32, 12, elements=st.floats(-1e5, 1e5, width=32)))
def test_losses_of_parts_are_that_of_the_whole(values):
    form, whole = FLOATS["float8 e5m2"], torch.from_numpy(values)
    parts = float_loss(whole[:5], form).joined(float_loss(whole[5:], form))
    found = float_loss(whole, form)
    assert parts[:3] == found[:3]
    assert (parts.total, parts.largest) == pytest.approx((found.total, found.largest))
    assert Loss().mean is None
    assert Loss().of_others is None
