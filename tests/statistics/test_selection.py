"""Selection networks: the lower median of every order of values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.statistics.selection import median_network


def select(values):
    values = list(values)
    for low, high in median_network(len(values)):
        values[low], values[high] = sorted((values[low], values[high]))
    return values[(len(values) - 1) // 2]


@pytest.mark.parametrize("size", range(1, 13))
def test_every_pattern_of_zeros_and_ones_gives_the_lower_median(size):
    # By the 0-1 principle (Knuth, section 5.3.4) a network that does so does so for all values.
    for number in range(2**size):
        bits = [number >> place & 1 for place in range(size)]
        assert select(bits) == sorted(bits)[(size - 1) // 2]


@given(st.lists(st.floats(allow_nan=False), min_size=2, max_size=130))
def test_the_lower_median_of_any_values(values):
    assert select(values) == sorted(values)[(len(values) - 1) // 2]


def test_the_size_is_that_of_the_docstring():
    assert [len(median_network(size)) for size in (64, 512)] == [445, 8189]
    assert median_network(64).dtype == np.int64
