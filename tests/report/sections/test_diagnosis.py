"""The section on a diagnosis says what the findings say."""

import json
from dataclasses import replace
from html import unescape

import pytest

import edgescope as es
from edgescope.capturing.coverage import Coverage, SeenLayer
from edgescope.diagnosis import Finding, Findings
from edgescope.lib.errors import InputError
from support.report_pages import numbers_of, page_of, part, rows

FOUND = (
    Finding(
        "made-up",
        "warning",
        "layers.1.attention, head 1 of 4",
        "3 of 4 <heads> are alike",
        {"mean_entropy": 0.98765, "heads": [0, 1, 2], "identifiers": {"id": "A1"}, "site": "s"},
        "they were drawn alike",
        "draw them again",
        "redraw",
    ),
    Finding("other", "error", "model", "nothing is finite", {"rows": 1234}, "a cause", "a remedy"),
    Finding(
        "made-up",
        "warning",
        "layers.2.attention",
        "all heads are alike",
        {"mean_entropy": None, "heads": list(range(12))},
        "they were drawn alike",
        "draw them again",
        "redraw",
    ),
)


@pytest.fixture
def findings(planted):
    return Findings(
        FOUND,
        model="GraphTransformer",
        rules=["other", "made-up", "quiet"],
        batches=2,
        graphs=14,
        arguments=["x", "edge_index"],
        unjudged={"quiet": ("layers.0.attention",)},
        coverage=planted.coverage,
        caution="it predicts no better than guessing",
    )


@pytest.fixture
def reported(planted, findings, tmp_path):
    return planted.report(tmp_path / "report.html", diagnosis=findings)


def test_findings_of_one_cause_stand_under_one_heading_the_gravest_first(reported):
    section = unescape(part(page_of(reported), "diagnosis"))
    assert section.index("<h3>error: other</h3>") < section.index("<h3>warning: made-up</h3>")
    assert section.count("<h3>") == 2
    assert section.count("<b>Cause:</b> they were drawn alike.") == 1
    assert section.count("<b>Remedy:</b> draw them again. <code>es.diagnose.try_remedy") == 1
    assert "Caution:</b> it predicts no better than guessing." in section


def test_where_what_and_the_evidence_are_a_row_each(reported):
    section = part(page_of(reported), "diagnosis")
    first, second = rows(section, "Where made-up was found")
    assert first[0] == ("<code>layers.1.attention, head 1 of 4</code>",)
    assert first[1] == ("3 of 4 <heads> are alike",)
    evidence = "mean entropy 0.988; heads 0, 1, 2; identifiers id A1; site s"
    assert first[2] == (evidence,)
    assert second[2] == ("mean entropy \N{EN DASH}; heads 0, 1, 2, 3, 4, 5, 6, 7 and 4 more",)
    assert rows(section, "Where other was found")[0][2] == ("rows 1,234",)


def test_the_sentences_say_how_much_was_looked_at_and_what_was_not_judged(reported):
    sentences = numbers_of(reported)["diagnosis"]["sentences"]
    assert sentences[0] == (
        "GraphTransformer: 1 error, 2 warnings, found by 3 rules over 14 graphs in 2 batches; "
        "looked at 3 of 3 attention-like layers."
    )
    assert "so quiet did not judge it" in sentences[-1]
    assert all(each in unescape(part(page_of(reported), "diagnosis")) for each in sentences)


def test_the_json_file_has_all_that_the_findings_have(reported, findings):
    written = numbers_of(reported)["diagnosis"]
    assert {name: written[name] for name in json.loads(findings.json())} == json.loads(
        findings.json()
    )


def test_findings_of_a_model_are_reported_beside_its_scan(planted, molecules, plant, tmp_path):
    model = es.models.GraphTransformer(
        num_atom_types=len(molecules.vocabulary),
        num_bond_types=4,
        num_layers=3,
        hidden_dim=16,
        num_heads=4,
    )
    found = es.diagnose(model.eval(), es.data.loader(molecules, 5), progress=False)
    numbers = numbers_of(planted.report(tmp_path / "own.html", diagnosis=found))
    assert [each["rule"] for each in numbers["diagnosis"]["findings"]] == [f.rule for f in found]


def test_nothing_found_is_said_so(planted, findings, tmp_path):
    none = Findings(model=findings.model, rules=findings.rules, batches=2, graphs=14)
    page = page_of(planted.report(tmp_path / "none.html", diagnosis=none))
    assert "nothing found by 3 rules over 14 graphs" in part(page, "diagnosis")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"model": "GATv2"}, "a diagnosis of GATv2, expected one of GraphTransformer"),
        (
            {"coverage": Coverage((SeenLayer("layers.0.attention", "EdgeAttention", ()),))},
            r"a diagnosis of a model without layers\.1\.attention",
        ),
    ],
)
def test_findings_of_another_model_are_refused(planted, findings, tmp_path, other, said):
    for name, value in other.items():
        setattr(findings, name, value)
    with pytest.raises(InputError, match=said):
        planted.report(tmp_path / "report.html", diagnosis=findings)
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_findings_is_no_diagnosis(planted, tmp_path):
    with pytest.raises(InputError, match=r"diagnosis= of type list, expected Findings, as es\.dia"):
        planted.report(tmp_path / "report.html", diagnosis=[replace(FOUND[0])])
