"""The search finds a set that does it, of which nothing can be left out, and comes to an end."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgescope.intervene.origins.smallest_sets import Outcome, OutOfPasses, Search

UNITS = tuple("abcdefgh")


def need(groups, asked=None, most=None):
    """Any of some groups of units does it, all of its members together."""

    def outcome(units):
        if asked is not None:
            asked.append(units)
            if most is not None and len(asked) > most:
                raise OutOfPasses
        best = max(len(group & set(units)) / len(group) for group in groups)
        return Outcome((-best,), best == 1)

    return outcome


groups_of_units = st.lists(
    st.sets(st.sampled_from(UNITS), min_size=1, max_size=5), min_size=1, max_size=4
)


@settings(max_examples=60, deadline=None)
@given(groups_of_units)
def test_what_is_found_does_it_and_nothing_can_be_left_out(groups):
    outcome = need(groups)
    found = Search(UNITS, outcome).run()
    assert outcome(found.units).done
    for unit in found.units:
        assert not outcome(tuple(each for each in found.units if each != unit)).done
    smallest = min(map(len, groups))
    if found.proof == "smallest":
        assert len(found.units) == smallest
    singles = {next(iter(group)) for group in groups if len(group) == 1}
    assert {*found.units[: bool(singles)], *found.others} == singles


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from([c for n in (1, 2, 3) for c in combinations(UNITS, n)])))
def test_the_whole_is_enough_even_where_units_work_against_each_other(doing):
    def outcome(units):
        return Outcome((len(units) % 3,), units in doing or len(units) == len(UNITS))

    found = Search(UNITS, outcome).run()
    assert outcome(found.units).done


@settings(max_examples=30, deadline=None)
@given(groups_of_units)
def test_all_sets_of_the_smallest_size_are_found_by_trying_all(groups):
    smallest = min(map(len, groups))
    expected = {tuple(sorted(group)) for group in groups if len(group) == smallest}
    assert set(Search(UNITS, need(groups)).exhaustive()) == expected


@pytest.mark.parametrize("most", range(1, 20))
def test_a_search_that_is_stopped_still_returns_a_set_that_does_it(most):
    groups, asked = [set("adfh")], []
    found = Search(UNITS, need(groups, asked, most)).run()
    assert need(groups)(found.units).done
    assert len(asked) <= most + 1
    assert found.proof == ("stopped" if len(asked) > most else "minimal")
