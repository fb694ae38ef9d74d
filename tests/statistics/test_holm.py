"""Holm's adjusted p-values, against their definition as a closed test."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.statistics.holm import holm

P = st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=6)


@given(P)
def test_it_is_the_closed_test_of_bonferroni(p):
    """A hypothesis falls if every set of hypotheses that holds it does."""
    found = holm(np.array(p, dtype=float))
    tested = [place for place, each in enumerate(p) if each == each]  # noqa: PLR0124  (NaN)
    for place in range(len(p)):
        if place not in tested:
            assert np.isnan(found[place])
            continue
        others = [each for each in tested if each != place]
        sets = [
            {place, *chosen}
            for size in range(len(others) + 1)
            for chosen in combinations(others, size)
        ]
        worst = max(min(1.0, len(of) * min(p[each] for each in of)) for of in sets)
        assert found[place] == pytest.approx(worst)
