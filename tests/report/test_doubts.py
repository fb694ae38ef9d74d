"""No page gives an all-clear and raises an alarm about the same thing, whatever was scanned."""

import re
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgescope as es
from edgescope.report.numbers import whole
from edgescope.report.section_protocol import Material
from edgescope.report.sections.limits.numbers import not_found
from edgescope.report.sections.verdict import Verdict

LARGE = es.Criterion("large", ratio=0, magnitude=50.0)
RULES = {
    "ratio": "paper2025",
    "both": "sun2024",
    "magnitude": LARGE,
    "either": es.Criterion("low", ratio=200.0) | LARGE,
    "calibrated": "calibrated",
}

CLEAR = re.compile(
    r"^None of the|^The only site has no|^At none of|^No (ratio|magnitude) exceeds|"
    r"^There are none:|^Nothing is called massive|^No more than chance|^Nothing to replace|"
    r"^No overflow here|^No finding"
)
ALARM = re.compile(
    r"no all-clear|[\d.⁰-⁹] times what is typical|not finite|^\d+ of \d+ sites? ha(s|ve) an edge|"
    r"^At [1-9]\d* of|^Magnitudes grew|^Yes|^Nearly|^It is broken"
)
LAYERS = st.sampled_from(["as it was", "channel", "grown", "a little", "silent", "broken", "vast"])


def change(kinds):
    """Return what changes a model's layers, each in its own way."""

    def plant(model):
        for layer, kind in zip(model.layers, kinds, strict=True):
            weight = layer.attention.edge.weight
            if kind == "channel":
                weight[5] *= 1e5
            elif kind == "silent":
                weight.zero_()
            elif kind == "broken":
                weight[3] = float("nan")
            weight *= {"grown": 1e6, "a little": 3.0, "vast": 1e12}.get(kind, 1.0)

    return plant


def statements(scan):
    """Return what the page says about sizes of activations: on top, and in what was not found."""
    numbers = whole(scan)
    answers = Verdict().numbers(Material(scan, {}, numbers))
    told = [f"{each['answer']} {each['text']}" for each in answers]
    return numbers, numbers["summary"], told, not_found(numbers)


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.lists(LAYERS, min_size=1, max_size=2), st.sampled_from(sorted(RULES)), st.booleans())
def test_no_all_clear_stands_beside_an_alarm(build, kinds, rule, compared):
    baseline = es.Untrained(5) if rule == "calibrated" else compared
    scan = build(change(kinds), layers=len(kinds), criterion=RULES[rule], baseline=baseline)
    numbers, top, answers, entries = statements(scan)
    assert not (any(map(CLEAR.search, top)) and any(map(ALARM.search, top))), top
    # What is massive, and what lower precision would do, are two things.
    for answer in answers:
        assert not (CLEAR.search(answer) and ALARM.search(answer)), answer
    if any(map(CLEAR.search, top)):
        assert not any(site["doubts"] for site in numbers["sites"])
    # Of no single site is said that nothing is there in one entry and that something is in another.
    named = {
        tone: {
            site["site"]
            for entry in entries
            for site in numbers["sites"]
            if pattern.search(entry["text"]) and _names(entry["text"], site)
        }
        for tone, pattern in (("clear", CLEAR), ("alarm", ALARM))
    }
    assert not named["clear"] & named["alarm"], entries
    assert "nan" not in " ".join(chain(top, answers)).split()


def _names(text, site):
    return site["site"] in text or bool(re.search(rf"with \* = .*\b{site['short']}\b", text))


@pytest.mark.parametrize("kind", ["grown", "broken", "silent"])
def test_a_quiet_scan_in_doubt_opens_with_the_doubt(build, kind):
    numbers, top, _, _ = statements(build(change(["as it was", kind]), layers=2))
    assert top[0].startswith("This is no all-clear: ")
    assert "at 1 of 2 sites" in top[0]
    assert numbers["sites"][0]["doubts"] == {}


def test_without_doubt_growth_is_not_told_as_if_it_were_one(build):
    _, top, _, _ = statements(build(change(["a little", "as it was"]), layers=2))
    assert top[0].startswith("None of the 2 sites")
    assert "typical" not in " ".join(top)
