"""The verdict on top of the page says what results say, and how to measure what is missing."""

import math
import re
from dataclasses import replace

import polars as pl
import pytest

import edgescope as es
from edgescope.diagnosis import Finding, Findings
from edgescope.report.numbers import whole
from edgescope.report.section_protocol import Material
from edgescope.report.sections.verdict import Verdict
from edgescope.report.words import METRICS
from edgescope.scanning.site_scan import SiteScan
from edgescope.statistics.sketch import SiteSketch
from support.report_pages import page_of

PREDICTIONS, PRECISION, CAUSES = range(3)

COMMANDS = {"ablation": "edgescope ablate 'a run'", "diagnosis": "edgescope diagnose 'a run'"}


def answer(scan, which, commands=None, **results):
    return Verdict().numbers(Material(scan, results, whole(scan), commands or {}))[which]


def with_excess(found, *signs):
    """The ablation with intervals of the excess above (1), below (-1) or around 0, per control."""
    rows = found.table().to_dicts()
    last = [row for row in rows if row["site"] == "all" and row["excess"] is not None]
    for row, sign in zip(last, signs, strict=True):
        row |= {"excess_low": sign - 0.5, "excess_high": sign + 0.5}
    return es.Ablation(found.info, pl.DataFrame(rows, schema=found.table().schema))


def as_scanned(found):
    """The ablation as one of what the scan calls massive."""
    return es.Ablation(replace(found.info, where="scan, paper2025"), found.table())


SIDES = {
    "more than every": ((1, 1, 1), "Yes, more than others:", "alarm"),
    "more than some": ((1, 0, -1), "In part:", "alarm"),
    "no more": ((0, 0, 0), "Not beyond chance:", "clear"),
    "less than some": ((-1, 0, 0), "Not beyond chance:", "clear"),
    "less": ((-1, -1, -1), "Less harm than others:", "clear"),
}


@pytest.mark.parametrize(("signs", "words", "tone"), SIDES.values(), ids=SIDES)
def test_predictions_are_judged_by_the_ablation_beside_its_controls(
    planted, results, signs, words, tone
):
    found = with_excess(as_scanned(results["ablation"]), *signs)
    said = answer(planted, PREDICTIONS, ablation=found)
    assert (said["answer"], said["tone"], said["sections"]) == (words, tone, ["ablation"])
    told = said["text"]
    assert ("every control" in told) is ("every control" in found.verdict())
    for side, expected in {
        "more": "more harm than",
        "less": "less harm than",
        "open": "certain difference from",
    }.items():
        assert (expected in told) is bool(getattr(found.beyond(), side))
    assert METRICS[found.info.metric] in said["text"]
    assert said["measure"] is None


def test_an_ablation_of_other_activations_is_no_all_clear(planted, results):
    found = with_excess(results["ablation"], 0, 0, 0)
    other = es.Ablation(replace(found.info, where="something else"), found.table())
    said = answer(planted, PREDICTIONS, ablation=other)
    assert said["tone"] == "open"
    assert said["text"].endswith(" These are not those that paper2025 calls massive.")


def test_without_controls_nothing_is_judged(planted, results):
    found = results["ablation"]
    alone = es.Ablation(found.info, found.table().filter(pl.col("selection") == "chosen"))
    said = answer(planted, PREDICTIONS, ablation=alone)
    assert (said["answer"], said["tone"]) == ("Not shown:", "open")


def test_where_nothing_is_massive_there_is_nothing_to_replace(quiet):
    said = answer(quiet, PREDICTIONS, COMMANDS)
    assert (said["answer"], said["tone"], said["measure"]) == ("Nothing to replace:", "open", None)


def test_what_is_missing_is_said_with_what_measures_it(planted):
    with_run = [answer(planted, which, COMMANDS) for which in (PREDICTIONS, CAUSES)]
    alone = [answer(planted, which) for which in (PREDICTIONS, CAUSES)]
    assert {said["answer"] for said in with_run + alone} == {"Not measured:"}
    assert [said["measure"] for said in with_run] == [
        "edgescope ablate 'a run' --where scan",
        "edgescope diagnose 'a run'",
    ]
    assert [said["measure"] for said in alone] == [
        "es.ablate(model, loader, where=scan)",
        "es.diagnose(model, loader)",
    ]


def test_a_scan_that_kept_few_rows_is_ablated_by_its_ratio(build, plant):
    said = answer(build(plant, max_rows=3), PREDICTIONS, COMMANDS)
    assert said["measure"] == "edgescope ablate 'a run' --where 1000"


def with_largest(scan, magnitude):
    """The scan with another largest magnitude at its last site."""
    *_, last = scan.sites
    found = scan.sites[last]
    maxima = found.sketch.maxima.clone()
    maxima[1] = magnitude
    sketch = SiteSketch(found.sketch.layout, found.sketch.counts, maxima)
    sites = scan.sites | {last: SiteScan(sketch, *found[1:])}
    return es.Scan(sites, scan.info, scan.names)


LARGEST = {4_094.0: "No overflow here:", 40_000.0: "Nearly, in float16:", 7e4: "Yes, in float16:"}


@pytest.mark.parametrize(("magnitude", "words"), LARGEST.items(), ids=str)
def test_headroom_is_that_of_the_largest_magnitude(quiet, magnitude, words):
    said = answer(with_largest(quiet, magnitude), PRECISION)
    assert said["answer"] == words
    assert said["tone"] == ("clear" if magnitude < 5e3 else "alarm")
    assert "at layers.2.attention:score" in said["text"]
    assert "these sites only" in said["text"]
    bits = math.log2(65_504 / magnitude)
    if bits > 0:
        assert f"{bits:.1f} bits" in said["text"]


def finding(severity, where):
    return Finding(f"made-up-{severity}", severity, where, "a message", {}, "a cause", "a remedy")


def test_the_gravest_finding_at_a_massive_site_is_told_with_its_remedy(planted):
    found = Findings(
        [finding("error", "layers.0.attention"), finding("warning", "layers.1.attention, head 1")],
        model="GraphTransformer",
    )
    said = answer(planted, CAUSES, diagnosis=found)
    assert said["answer"] == "Found (warning):"
    assert said["text"].startswith("made-up-warning at layers.1.attention, head 1: a cause. Try: ")
    assert "1 further finding" in said["text"]
    elsewhere = answer(planted, CAUSES, diagnosis=Findings(found[:1], model="GraphTransformer"))
    assert elsewhere["answer"] == "Found (error):"
    assert "no site that is called massive" in elsewhere["text"]


def test_nothing_found_is_no_explanation_where_something_is_massive(planted, quiet):
    nothing = Findings([], model="GraphTransformer", rules=["a", "b"], batches=1, graphs=5)
    assert answer(planted, CAUSES, diagnosis=nothing)["answer"] == "Not explained:"
    assert answer(quiet, CAUSES, diagnosis=nothing)["answer"] == "No finding:"


def test_it_stands_above_everything_and_links_to_its_evidence(planted, results, tmp_path):
    evil = replace(results["ablation"].info, where="<script>")
    found = es.Ablation(evil, results["ablation"].table())
    page = page_of(planted.report(tmp_path / "report.html", ablation=found, commands=COMMANDS))
    assert page.index('id="verdict"') < page.index('<div class="summary">')
    verdict = page[page.index('<dl class="answers">') : page.index("</dl>")]
    linked = re.findall(r'href="#([\w-]+)"', verdict)
    assert linked == ["ablation", "sites"]
    assert "<code>edgescope diagnose &#39;a run&#39;</code>" in verdict
    assert "&lt;script&gt;" in verdict
