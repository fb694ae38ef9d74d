"""Places of bonds within their graphs, and shares of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgescope.attribute.bonds import Bonds, places, share_of

groups = st.lists(st.lists(st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 2.5, np.inf])), min_size=1)


def joined(rows):
    values = np.array([value for row in rows for value in row], dtype=np.float64)
    return values, np.repeat(np.arange(len(rows)), [len(row) for row in rows])


@given(groups, st.integers(0, 99))
def test_places_go_from_the_largest_value_to_the_smallest(rows, seed):
    values, graph = joined(rows)
    found = places(values, Bonds(np.arange(len(values)), graph, len(rows)), seed)
    for number, row in enumerate(rows):
        mine = found[graph == number]
        assert sorted(mine.tolist()) == list(range(len(row)))
        assert [row[i] for i in np.argsort(mine)] == sorted(row, reverse=True)


def test_the_order_of_equal_values_is_drawn_evenly():
    of = Bonds(np.arange(3), np.zeros(3, dtype=np.int64), 1)
    first = [int(places(np.zeros(3), of, seed).argmin()) for seed in range(600)]
    assert np.bincount(first).min() > 150


def test_a_share_is_rounded_to_the_nearest_and_a_half_up_whatever_its_rounding_error():
    count = np.array([0, 1, 2, 3, 10])
    assert share_of(0.5, count).tolist() == [0, 1, 1, 2, 5]
    assert share_of(1 - 0.95, count).tolist() == [0, 0, 0, 0, 1]
