"""A baseline of accepted findings: what is in it is no news, all else is."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.capturing import Coverage, UnseenLayer
from edgescope.diagnosis import Accepted, Baseline, Finding, Findings
from edgescope.diagnosis.finding import heads_in, place
from edgescope.lib.errors import InputError

RULES = ["dead-head", "uniform-attention"]


@st.composite
def places(draw):
    layer = draw(st.sampled_from(["layers.0.conv", "conv", ""]))
    of = draw(st.integers(2, 6))
    return place(layer, sorted(draw(st.sets(st.integers(0, of - 1)))), of)


FINDINGS = st.lists(
    st.builds(
        Finding,
        rule=st.sampled_from(RULES),
        severity=st.sampled_from(["error", "warning", "note"]),
        where=places(),
        message=st.text(max_size=3),
        evidence=st.just({}),
        cause=st.just(""),
        remedy=st.just(""),
    ),
    max_size=5,
)


def found(findings, model="Net", rules=RULES, coverage=None):
    return Findings(findings, model=model, rules=rules, coverage=coverage)


@given(st.sets(st.integers(0, 11), min_size=1), st.integers(12, 20))
def test_the_number_of_heads_is_read_as_it_was_written(heads, of):
    assert heads_in(place("conv", sorted(heads), of)) == len(heads)
    assert heads_in(place("conv", range(of), of)) == of


@given(FINDINGS)
def test_what_was_accepted_is_accepted_whatever_its_numbers(findings):
    baseline = Baseline().updated(found(findings))
    later = found([replace(each, message="other numbers") for each in findings])
    baseline.mark(later)
    assert later.fresh == []
    assert later.at_least("note") == []
    assert baseline.gone(later) == []


@given(FINDINGS, FINDINGS)
def test_only_what_is_worse_or_elsewhere_is_new(before, now):
    baseline = Baseline().updated(found(before))
    later = found(now)
    baseline.mark(later)

    def known(finding):
        return any(
            (old.rule, old.severity, old.layer) == (finding.rule, finding.severity, finding.layer)
            and (heads_in(old.where) is None) == (heads_in(finding.where) is None)
            and (heads_in(finding.where) or 0) <= (heads_in(old.where) or 0)
            for old in before
        )

    assert [each.accepted for each in later] == [known(each) for each in later]


@given(FINDINGS, FINDINGS)
def test_a_baseline_is_read_as_it_was_written(tmp_path_factory, one, other):
    path = tmp_path_factory.mktemp("baseline") / "accepted.json"
    baseline = Baseline().updated(found(one)).updated(found(other, model="Other"))
    baseline.save(path)
    read = Baseline.load(path)
    again = read.save(path.with_name("again.json"))
    assert path.read_text() == again.read_text()
    later = found(other, model="Other")
    read.mark(later)
    assert later.fresh == []


DEAD = Finding("dead-head", "warning", "conv, head 0 of 4", "", {}, "", "")
UNIFORM = Finding("uniform-attention", "warning", "conv", "", {}, "", "")


def test_what_was_not_looked_at_stays_accepted():
    baseline = Baseline().updated(found([DEAD, UNIFORM]))
    narrow = found([], rules=["dead-head"])
    assert [each.rule for each in baseline.gone(narrow)] == ["dead-head"]
    assert [each.rule for each in baseline.updated(narrow).accepted["Net"]] == ["uniform-attention"]
    unseen = found([], coverage=Coverage((), (UnseenLayer("conv", "GATConv", "left out"),)))
    assert baseline.gone(unseen) == []
    assert len(baseline.updated(unseen).accepted["Net"]) == 2


def test_the_texts_count_what_is_new_and_say_how_many_are_accepted():
    later = found([DEAD, UNIFORM])
    Baseline().updated(found([DEAD])).mark(later)
    text = later.text()
    assert "Net: 1 warning, found by 2 rules" in text
    assert "1 accepted finding not shown." in text
    assert "dead-head" not in text
    assert later.html().count("<article") == 1
    assert [each["accepted"] for each in json.loads(later.json())["findings"]] == [True, False]
    Baseline().updated(later).mark(later)
    assert later.text().startswith("Net: nothing new found by 2 rules")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no .*; write it again with edgescope diagnose --write-baseline"),
        ("{", "cannot be read"),
        ("[]", "is not a baseline"),
        ('{"format": 2, "models": {}}', "of format 1"),
        (
            '{"format": 1, "models": {"Net": [{"rule": "r", "severity": "grave", "layer": ""}]}}',
            "grave",
        ),
        ('{"format": 1, "models": {"Net": [{"rule": "r", "severity": "note"}]}}', "cannot be read"),
        ('{"format": 1, "models": {"Net": [{"rul": "r"}]}}', "unknown field 'rul'"),
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path, content, said):
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=said):
        Baseline.load(path)


def test_the_example_of_an_accepted_finding():
    assert Accepted("r", "note", "") == ("r", "note", "", None)
