"""Findings in a notebook: how many and how grave first, then each with cause and remedy."""

from dataclasses import replace

import pytest

from edgescope.capturing.coverage import Coverage, SeenLayer, UnseenLayer
from edgescope.diagnosis.finding import Finding
from edgescope.diagnosis.findings import Findings
from support.cards import HOSTILE, card

SEEN = Coverage((SeenLayer("conv", "GATConv", ("weight",), True, 9),))
GAP = Coverage(SEEN.seen, (UnseenLayer("own", "Own", "no adapter knows it"),))
ONE = Finding("a-rule", "warning", "conv, head 1", "9 rows", {}, "a cause", "a remedy", "gatv2")


def listed(found, coverage=SEEN, **options):
    options = {"model": "Net", "rules": ["a-rule"], "batches": 1, "graphs": 2} | options
    return Findings(found, coverage=coverage, **options)


def test_the_gravest_come_first_and_are_counted():
    others = [replace(ONE, severity=severity) for severity in ("note", "error", "warning")]
    text = card(listed([*others, ONE])).text
    assert text.startswith("Diagnosis of Net: 1 rule 1 error 2 warnings 1 note Net: ")
    line = "conv, head 1 a-rule: 9 rows Cause: a cause Remedy: a remedy"
    assert text.count(line) == 4
    assert text.index(f"error {line}") < text.index(f"warning {line}") < text.index(f"note {line}")
    assert "es.diagnose.try_remedy(model, finding)" in text


@pytest.mark.parametrize("coverage", [None, SEEN, GAP])
def test_nothing_found_is_an_all_clear_only_if_all_was_looked_at(coverage):
    found = listed([], coverage)
    text, page = card(found).text, found._repr_html_()
    assert "nothing found" in text
    assert ('class="badge good"' in page) == (coverage is not GAP)
    assert ("no all-clear" in text) == (coverage is GAP)
    assert ("no adapter knows it" in text) == (coverage is GAP)


def test_a_caution_and_what_was_not_judged_are_said():
    text = card(listed([], caution="not trained", unjudged={"a-rule": ("conv",)})).text
    assert "caution not trained" in text
    assert "Numbers of conv are not finite, so a-rule did not judge it." in text


def test_many_findings_are_cut_and_counted():
    text = card(listed([ONE] * 33)).text
    assert text.count("a cause") == 20
    assert "13 more" in text
    assert "33 warnings" in text


def test_one_finding_shows_itself():
    text = card(ONE).text
    assert text.startswith("Finding warning conv, head 1 a-rule: 9 rows Cause: a cause")


def test_names_are_shown_and_break_nothing():
    names = ("rule", "where", "message", "cause", "remedy")
    hostile = replace(ONE, **dict.fromkeys(names, HOSTILE))
    for result in (hostile, listed([hostile], GAP, model=HOSTILE, caution=HOSTILE)):
        assert card(result).text.count("</p></table><script>") >= 5
