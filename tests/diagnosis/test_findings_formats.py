"""Findings as text, JSON, SARIF and HTML."""

import html.parser
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.capturing import Coverage, SeenLayer, UnseenLayer
from edgescope.diagnosis import Finding, Findings
from edgescope.lib.errors import InputError

WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=120)
SENTENCES = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
FINDINGS = st.lists(
    st.builds(
        Finding,
        rule=st.sampled_from(["uniform-attention", "dead-head", "own-rule"]),
        severity=st.sampled_from(["error", "warning", "note"]),
        where=st.sampled_from(["layers.0.conv, head 1 of 2", "model", "conv@2"]),
        message=SENTENCES,
        evidence=st.dictionaries(WORDS, st.floats() | st.integers() | st.lists(st.floats())),
        cause=SENTENCES,
        remedy=SENTENCES,
    ),
    max_size=5,
)


LAYERS = st.sampled_from(["layers.0.conv", "conv", ""])
COVERAGES = st.builds(
    Coverage,
    st.lists(
        st.builds(SeenLayer, LAYERS, WORDS, st.just(("weight",)), st.none(), st.integers(0, 9)),
        max_size=3,
    ).map(tuple),
    st.lists(
        st.builds(
            UnseenLayer,
            LAYERS,
            WORDS,
            SENTENCES,
            st.sampled_from(["attention", "perhaps", "message passing"]),
        ),
        max_size=3,
    ).map(tuple),
)


def listed(found, coverage=None):
    return Findings(
        found,
        model="Net",
        rules=["uniform-attention", "dead-head"],
        batches=3,
        graphs=7,
        coverage=coverage,
    )


@given(FINDINGS, st.none() | COVERAGES, st.integers(40, 120))
def test_no_line_of_text_is_longer_than_it_may_be(found, coverage, width):
    from rich.cells import cell_len

    lines = listed(found, coverage).text(width).splitlines()
    assert max(map(cell_len, lines)) <= width


@given(FINDINGS)
def test_findings_come_in_order_of_severity(found):
    order = ["error", "warning", "note"]
    numbers = [order.index(each.severity) for each in listed(found)]
    assert numbers == sorted(numbers)


@given(FINDINGS, st.none() | COVERAGES)
def test_json_holds_every_finding_and_the_coverage(found, coverage):
    read = json.loads(listed(found, coverage).json())
    written = read["coverage"]
    assert coverage == (None if written is None else Coverage.from_dict(written))
    assert [each["message"] for each in read["findings"]] == [x.message for x in listed(found)]
    assert (read["batches"], read["graphs"]) == (3, 7)


@given(FINDINGS, st.none() | COVERAGES)
def test_a_sarif_log_has_what_the_schema_requires(found, coverage):
    log = json.loads(listed(found, coverage).sarif())
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "edgescope"
    identifiers = [rule["id"] for rule in driver["rules"]]
    assert len(set(identifiers)) == len(identifiers)
    assert len(run["results"]) == len(found)
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert identifiers[result["ruleIndex"]] == result["ruleId"]
        for location in result["locations"]:
            assert location["logicalLocations"][0]["fullyQualifiedName"]
    assert ("invocations" in run) == (coverage is not None)
    for invocation in run.get("invocations", []):
        assert invocation["executionSuccessful"] is True
        notes = invocation["toolExecutionNotifications"]
        assert len(notes) == len(coverage.unseen) + len(coverage.empty)
        assert all(note["message"]["text"] for note in notes)
        assert {note["level"] for note in notes} <= {"note", "warning", "error"}
        # The only notes that leave a log complete are those about what is no attention.
        told = {note["level"] for note in notes} <= {"note"}
        assert told == (not coverage.attention and not coverage.empty)


@given(FINDINGS, st.none() | COVERAGES)
def test_html_shows_words_as_they_are_and_fetches_nothing(found, coverage):
    section = listed(found, coverage).html()
    reader = Reader()
    reader.feed(section)
    assert reader.tags <= {"section", "style", "h2", "h3", "p", "article", "code", "b"}
    assert all(each.message in reader.text for each in found)
    assert all(each.reason in reader.text for each in (coverage.unseen if coverage else ()))


class Reader(html.parser.HTMLParser):
    """Collects tags and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = set(), ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"class"}

    def handle_data(self, data):
        self.text += data


@given(FINDINGS)
def test_the_table_has_a_row_per_finding(found):
    table = listed(found).table()
    assert table.height == len(found)
    assert table.schema["severity"] == pl.String


def test_an_empty_list_says_that_nothing_was_found():
    assert listed([]).text() == "Net: nothing found by 2 rules over 7 graphs in 3 batches.\n"


CLEAR = Coverage((SeenLayer("conv", "GATConv", ("weight",), True, 9),))
GAP = Coverage(CLEAR.seen, (UnseenLayer("own", "Own", "no adapter knows it"),))


def test_an_empty_list_is_an_all_clear_only_if_all_was_looked_at():
    found = "Net: nothing found by 2 rules over 7 graphs in 3 batches; looked at"
    assert listed([], CLEAR).text(200) == f"{found} 1 of 1 attention-like layer.\n"
    assert listed([], GAP).text(200) == (
        f"{found} 1 of 2 attention-like layers; this is no all-clear, as part of the model was not "
        "looked at.\nNot looked at: own (Own): no adapter knows it.\n"
    )


def test_a_width_that_is_too_small_is_refused():
    with pytest.raises(InputError, match="width=12, expected 40"):
        listed([]).text(12)


@pytest.mark.parametrize(("severity", "number"), [("error", 1), ("warning", 2), ("note", 3)])
def test_findings_at_least_as_grave(severity, number):
    found = [
        Finding("r", each, "model", "m", {}, "c", "r") for each in ("note", "error", "warning")
    ]
    assert len(listed(found).at_least(severity)) == number
