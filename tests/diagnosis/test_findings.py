"""Findings that were written as JSON are read as they were; anything else is refused."""

import json

import pytest

import edgescope as es
from edgescope.capturing.coverage import Coverage, SeenLayer, UnseenLayer
from edgescope.diagnosis import Finding, Findings
from edgescope.lib.errors import InputError


@pytest.fixture
def findings():
    evidence = {"entropy": 0.5, "heads": [0, 2], "layer": "conv"}
    found = Finding("rule", "warning", "conv", "so it is", evidence, "cause", "remedy", "fix")
    coverage = Coverage(
        (SeenLayer("conv", "GATConv", ("logit", "weight"), True, 12),),
        (UnseenLayer("other", "AGNNConv", "no adapter"),),
    )
    return Findings(
        [found],
        model="Net",
        rules=["rule", "other"],
        batches=3,
        graphs=9,
        arguments=["x"],
        unjudged={"other": ("conv",)},
        coverage=coverage,
        caution="careful",
    )


def test_they_are_read_as_they_were(findings, tmp_path):
    path = tmp_path / "findings.json"
    path.write_text(findings.json(), encoding="utf-8")
    read = es.diagnose.load(path)
    assert list(read) == list(findings)
    assert vars(read) == vars(findings)


def test_without_a_coverage_or_a_caution_too(tmp_path):
    findings = Findings(model="Net")
    path = tmp_path / "findings.json"
    path.write_text(findings.json(), encoding="utf-8")
    read = es.diagnose.load(path)
    assert (list(read), vars(read)) == ([], vars(findings))


def damaged(findings, change):
    written = json.loads(findings.json())
    change(written)
    return json.dumps(written)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (lambda found: found.sarif(), "holds a SARIF log, expected findings as edgescope diagnose"),
        (lambda found: found.html(), "cannot be read .JSONDecodeError"),
        (lambda found: found.json()[:-20], "cannot be read .JSONDecodeError"),
        (lambda _: "[]", "holds JSON of another kind .list."),
        (lambda _: '{"findings": []}', "cannot be read .KeyError: 'model'"),
        (
            lambda found: damaged(found, lambda each: each["findings"][0].update(severity="grave")),
            "severity 'grave', expected error, warning, note",
        ),
        (
            lambda found: damaged(found, lambda each: each["findings"][0].pop("cause")),
            "cannot be read .TypeError: .*cause",
        ),
    ],
)
def test_anything_else_is_refused_with_what_to_do(findings, tmp_path, held, said):
    path = tmp_path / "findings.json"
    path.write_text(held(findings), encoding="utf-8")
    with pytest.raises(InputError, match=said) as refused:
        es.diagnose.load(path)
    assert str(path) in str(refused.value)
    assert "diagnose again with --format json" in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected findings as .* found nothing there"):
        es.diagnose.load(tmp_path / "nowhere.json")
