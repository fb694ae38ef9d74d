"""From numbers to verdicts: what changes them, and what does not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgescope.study.claims.estimates import computed, over_seeds
from edgescope.study.claims.questions import HOLDS, REFUTED, UNDECIDED, Question, Region
from edgescope.study.claims.rulings import ONLY, Ruling, corrected, rule

NOISE = np.array([-1.2, 0.3, 0.9, -0.4, 0.4])
"""What five seeds add to the truth; it sums to zero."""

GROUPS = st.dictionaries(st.sampled_from("abcdef"), st.floats(-3, 3), min_size=1)


def ask(group, truth, noise=0.1, *, region=None, seeds=5, **more):
    values = truth + noise * NOISE[:seeds]
    estimate = over_seeds(dict(enumerate(values.tolist())))
    return Question(group, "a number", estimate, region or Region(low=0.0), **more)


@pytest.mark.parametrize(
    ("truths", "verdict"),
    [
        ({"a": 1, "b": 2}, HOLDS),
        ({"a": -1, "b": -2}, REFUTED),
        ({"a": 1, "b": -1}, f"{ONLY}: a"),
        ({"a": 1, "b": 2, "c": 0}, f"{ONLY}: a; b"),
        ({"a": -1, "b": 0}, UNDECIDED),
        ({"a": 0}, UNDECIDED),
    ],
)
def test_a_claim_holds_everywhere_nowhere_somewhere_or_is_undecided(truths, verdict):
    assert rule([ask(group, truth) for group, truth in truths.items()]).verdict == verdict


@settings(max_examples=60)
@given(GROUPS, st.floats(0.01, 2), st.floats(1, 10))
def test_more_noise_never_turns_undecided_into_a_verdict(truths, noise, times):
    quiet, loud = (
        {
            group.group: group.verdict
            for group in rule([ask(name, truth, scale) for name, truth in truths.items()]).groups
        }
        for scale in (noise, noise * times)
    )
    if rule([ask(n, t, noise) for n, t in truths.items()]).verdict == UNDECIDED:
        assert rule([ask(n, t, noise * times) for n, t in truths.items()]).verdict == UNDECIDED
    # Nor does noise turn one verdict on a group into the other.
    assert not any({quiet[name], loud[name]} == {HOLDS, REFUTED} for name in quiet)


@settings(max_examples=60)
@given(GROUPS, st.floats(0.01, 2), st.permutations("abcdef"))
def test_other_names_and_another_order_change_names_only(truths, noise, names):
    renamed = dict(zip("abcdef", names, strict=True))
    first = rule([ask(name, truth, noise) for name, truth in truths.items()])
    again = rule([ask(renamed[n], t, noise) for n, t in reversed(truths.items())])
    assert (first.kind, {renamed[g.group]: g.verdict for g in first.groups}) == (
        again.kind,
        {g.group: g.verdict for g in again.groups},
    )
    assert first.p == again.p or (math.isnan(first.p) and math.isnan(again.p))


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_what_does_not_count_changes_no_verdict(truth, other):
    alone = rule([ask("a", truth)])
    beside = rule([ask("a", truth), ask("b", other, aside="a control")])
    assert (alone.verdict, alone.p) == (beside.verdict, beside.p)


def test_a_claim_without_its_condition_is_undecided_whatever_the_rest_says():
    condition = ask("a", -1, condition=True)
    for truth in (-1, 1):
        found = rule([condition, ask("a", truth)])
        assert found.verdict == UNDECIDED
        assert "condition" in found.groups[0].reason


def test_one_number_against_it_is_enough_within_a_group():
    assert rule([ask("a", 1), ask("a", -1)]).verdict == REFUTED


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_decide_nothing_however_clear(seeds):
    found = rule([ask("a", 50, 0.001, seeds=seeds)])
    assert found.verdict == UNDECIDED
    assert "3 are needed" in found.groups[0].reason


def test_seeds_that_contradict_each_other_are_undecided_and_counted():
    values = dict(enumerate([0.5, -0.4, 0.5, -0.4, 0.5]))
    question = Question("a", "a number", over_seeds(values), Region(low=0.0))
    assert rule([question]).verdict == UNDECIDED
    assert question.agreeing == 3


def test_a_region_with_two_ends_must_hold_the_whole_interval():
    region = Region(-0.5, 0.5)
    found = [rule([ask("a", truth, region=region)]).verdict for truth in (0, 0.5, 2, -2)]
    assert found == [HOLDS, UNDECIDED, REFUTED, REFUTED]


def test_the_correction_over_claims_takes_back_what_is_clear_alone_only():
    weak = rule([ask("a", 0.16)])
    assert weak.verdict == HOLDS
    others = {str(number): rule([ask("a", 0.0, 1.0)]) for number in range(20)}
    every = {"weak": weak, "strong": rule([ask("a", 50)])} | others
    found = corrected(every)
    assert found["strong"].verdict == HOLDS
    assert found["weak"].verdict == UNDECIDED
    assert "if it were the only claim" in found["weak"].reason


def test_what_is_computed_exactly_is_no_test_and_is_not_corrected():
    exact = rule([Question("a", "a number", computed(1.0), Region(low=0.5))])
    assert exact.verdict == HOLDS
    assert math.isnan(corrected({"exact": exact})["exact"].p_adjusted)


def test_nothing_at_all_is_not_measured():
    assert rule([]) == Ruling(UNDECIDED, "not measured: no cell")
