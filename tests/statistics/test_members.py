"""Levels of members and how far they spread, against numpy and scipy on the raw edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import kstat

from edgescope.statistics.members import SKEWNESS, SKEWNESS_WORTH, Members, upper_levels
from support.calibration_cases import LAYOUT, sketch

ROUNDING = 2.0 ** (-2 * LAYOUT.ratio.bits) / 12
VALUES = hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(2.0**-20, 2.0**20, width=32))


@given(VALUES, st.floats(1e-4, 1.0))
def test_a_level_is_that_of_the_ranked_edges(values, share):
    number = max(int(np.ceil(share * len(values) * (1 - 1e-12))), 1)
    exact = np.log(np.sort(values)[::-1][number - 1])
    assert upper_levels(sketch(values), "ratio", np.array([share]))[0] == pytest.approx(
        exact, abs=0.005
    )


def test_levels_are_those_of_their_axis():
    one = sketch([1.0, 2.0, 8.0], [5.0])
    shares = np.array([0.1, 0.5, 1.0])
    np.testing.assert_allclose(upper_levels(one, "ratio", shares), np.log([8, 2, 1]), atol=0.005)
    np.testing.assert_allclose(upper_levels(one, "magnitude", shares), np.log(5), atol=0.005)


def test_a_site_without_edges_has_no_levels():
    assert np.isnan(upper_levels(sketch([]), "ratio", np.array([0.1, 1.0]))).all()
    members = Members({"a": [sketch([])] * 5}, "ratio", np.array([0.1]))
    assert members.known == {"a": 0}


def test_one_site_has_its_own_spread():
    random = np.random.default_rng(0)
    edges = np.exp(random.normal(size=(8, 1)) + random.normal(size=(8, 500)))
    shares = np.array([0.002, 0.1, 0.5])
    members = Members({"a": [sketch(one) for one in edges]}, "ratio", shares)
    levels = np.log(np.sort(edges)[:, ::-1][:, [0, 49, 249]])
    np.testing.assert_allclose(
        members.spread("a"), np.sqrt(levels.var(axis=0, ddof=1) + ROUNDING), rtol=0.01
    )
    assert members.freedom("a").tolist() == [7, 7, 7]


def test_sites_lend_each_other_degrees_of_freedom():
    random, found = np.random.default_rng(1), []
    for _ in range(15):
        ensemble = {
            name: [sketch([np.exp(place)]) for place in random.normal(0, 1, 10)] for name in "abcd"
        }
        found.append(Members(ensemble, "ratio", np.array([0.1])).freedom("a")[0])
    assert min(found) > 9
    assert np.median(found) > 18
    assert max(found) <= 36


def test_the_skewness_is_that_of_all_sites_beside_the_expected_one():
    random = np.random.default_rng(2)
    places = random.gumbel(size=(2, 40))
    ensemble = {
        str(name): [sketch([np.exp(at)]) for at in found] for name, found in enumerate(places)
    }
    members = Members(ensemble, "ratio", np.array([0.5]))
    measured = np.mean(
        [kstat(found, 3) / members.spread(str(name))[0] ** 3 for name, found in enumerate(places)]
    )
    expected = (80 * measured + SKEWNESS_WORTH * np.mean(SKEWNESS)) / (80 + SKEWNESS_WORTH)
    assert members.skewness("0")[0] == pytest.approx(expected, abs=0.01)
    assert members.skewness("1")[0] == members.skewness("0")[0]


def test_members_without_edges_above_zero_count_as_below_every_level():
    ensemble = [sketch([0, 0, 0, x]) for x in (3.0, 4.0, 5.0)]
    ensemble += [sketch([0, x, x, x]) for x in (3.0, 4.0)]
    members = Members({"a": ensemble}, "ratio", np.array([0.25, 0.5, 1.0]))
    assert members.known == {"a": 1}
    np.testing.assert_allclose(members.reach("a").sf(-50.0), [1, 0.4])
