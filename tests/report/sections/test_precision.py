"""The section on lower precision shows the stored result, and the verdict on top uses it."""

from dataclasses import replace
from html import unescape

import polars as pl
import pytest
import torch

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.plots.formats import NO_VALUE, between, number
from edgescope.report.numbers import whole
from edgescope.report.section_protocol import Material
from edgescope.report.sections.verdict import Verdict
from support.report_pages import numbers_of, page_of, part, rows

PRECISION = 1


@pytest.fixture(scope="module")
def measured(molecules, plant):
    known = replace(
        molecules,
        y=torch.linspace(0, 1, len(molecules)).unsqueeze(1),
        target_names=("made up",),
        task="regression",
    )
    torch.manual_seed(0)
    sizes = {"num_layers": 3, "hidden_dim": 16, "num_heads": 4}
    model = es.models.GraphTransformer(**known.model_sizes, **sizes).eval()
    with torch.no_grad():
        plant(model)
    options = {"formats": ["float16", "bfloat16", "int8"], "remedies": ["mean"], "where": 1000}
    return es.precision(model, es.data.loader(known, 5), metric="mae", progress=False, **options)


@pytest.fixture(scope="module")
def page(planted, measured, tmp_path_factory):
    stored = es.Precision.load(measured.save(tmp_path_factory.mktemp("result") / "precision"))
    return planted.report(tmp_path_factory.mktemp("page") / "report.html", precision=stored)


def said(scan, found):
    return Verdict().numbers(Material(scan, {"precision": found}, whole(scan), {}))[PRECISION]


def with_verdicts(found, plain, remedy=None):
    """The result with one verdict on every format, and another on every remedy."""
    table = found.table().with_columns(
        pl.when(pl.col("format") == "float32")
        .then("verdict")
        .when(pl.col("remedy") == "none")
        .then(pl.lit(plain))
        .otherwise(pl.lit(remedy or plain))
        .alias("verdict")
    )
    return es.Precision(found.info, table, found.places)


def test_the_table_has_the_metric_with_its_interval_beside_float32_and_guessing(page, measured):
    section = part(page_of(page), "precision")
    shown = rows(section, "What every format does")
    for row, of in zip(shown, measured.table().rows(named=True), strict=True):
        assert row[0] == (of["format"],)
        assert row[2] == (of["verdict"],)
        assert row[3] == (number(of["metric"]),)
        ends = between(of["change_low"], of["change_high"])
        assert row[4] == ((number(of["change"]), ends) if of["change"] is not None else (NO_VALUE,))
    info = measured.info
    text = unescape(section)
    assert f"MAE is {number(info.before)} ({between(info.before_low, info.before_high)})" in text
    assert f"gets {number(info.guess)} ({between(info.guess_low, info.guess_high)})" in text
    for verdict in measured.verdicts():
        assert verdict in text
    assert section.count("<svg") == 2


def test_modules_that_return_a_site_are_not_listed_once_more(page):
    places = numbers_of(page)["precision"]["headroom"]
    sites, modules = (
        {each["place"].replace(":", ".") for each in places if each["kind"] == kind}
        for kind in ("site", "module")
    )
    assert modules
    assert not sites & modules


def test_figures_hold_plain_numbers(page):
    assert "mathdefault" not in page_of(page)


def test_headroom_is_that_of_every_site_in_bits(page, measured, planted):
    own = numbers_of(page)["precision"]["headroom"]
    sites = [row for row in own if row["kind"] == "site"]
    assert {row["place"] for row in sites} >= set(planted.sites)
    known = measured.headroom("site").filter(format="float16")
    assert {row["place"]: row["bits"]["float16"] for row in sites} == dict(
        known.select("place", "headroom_bits").iter_rows()
    )


VERDICTS = {
    "a remedy mends it": (
        ("loses", "safe"),
        "Yes, in float16, bfloat16 and int8 (simulated):",
        "alarm",
    ),
    "none does": (
        ("loses", "loses"),
        "The model suffers in float16, bfloat16 and int8 (simulated):",
        "alarm",
    ),
    "not certain": (("undecided",), "Not shown to be safe:", "open"),
    "safe": (("safe",), "No, safe in 3 formats:", "clear"),
}


@pytest.mark.parametrize(("verdicts", "words", "tone"), VERDICTS.values(), ids=VERDICTS)
def test_the_verdict_is_that_of_the_result(planted, measured, verdicts, words, tone):
    answer = said(planted, with_verdicts(measured, *verdicts))
    assert (answer["answer"], answer["tone"], answer["sections"]) == (words, tone, ["precision"])
    assert answer["measure"] is None
    assert ("not shown where nothing mends it" in answer["text"]) is (words[:3] == "The")


def test_a_result_on_other_graphs_is_no_all_clear(planted, measured):
    other = replace(measured.info, data_fingerprint="another")
    found = with_verdicts(es.Precision(other, measured.formats, measured.places), "safe")
    answer = said(planted, found)
    assert answer["tone"] == "open"
    assert "other graphs than the scan's, 14 of them" in answer["text"]


def test_a_result_of_another_model_is_refused(planted, measured, tmp_path):
    info = replace(measured.info, model="GATv2")
    other = es.Precision(info, measured.formats, measured.places)
    with pytest.raises(InputError, match="result of GATv2, expected one of GraphTransformer"):
        planted.report(tmp_path / "report.html", precision=other)
