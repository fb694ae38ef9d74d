"""The section on replacing activations says what the ablation does."""

from dataclasses import replace
from html import unescape

import polars as pl
import pytest

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.plots.formats import between, number
from support.report_pages import page_of, part, rows


def test_the_ablation_table_is_the_ablations_and_ends_in_its_conclusion(reported, results):
    found = results["ablation"]
    section = part(page_of(reported), "ablation")
    conclusion = found.conclusion()
    assert conclusion[0].upper() + conclusion[1:] in unescape(section)
    known = found.table().filter(pl.col("draws") > 0).to_dicts()
    table = rows(section, "Activations replaced")
    assert len(table) == len(known)
    for row, of in zip(table, known, strict=True):
        assert row[2] == (number(of["activations"]),)
        assert row[-2] == (number(of["change"]), between(of["change_low"], of["change_high"]))
        if of["selection"] != "chosen":
            excess = [of[f"excess{end}"] for end in ("", "_low", "_high")]
            assert row[-1] == (number(excess[0]), between(*excess[1:]))


def test_an_ablation_without_a_metric_shows_how_far_predictions_move(planted, results, tmp_path):
    found = results["ablation"]
    without = found.table().with_columns(pl.lit(None, pl.Float64).alias("metric"))
    moved = es.Ablation(replace(found.info, metric=None, before=None), without)
    page = page_of(planted.report(tmp_path / "moved.html", ablation=moved))
    table = rows(part(page, "ablation"), "Activations replaced")
    known = moved.table().filter(pl.col("draws") > 0).to_dicts()
    ends = [(of["moved_low"], of["moved_high"]) for of in known]
    assert [row[-2] for row in table] == [
        (number(of["moved"]), between(*two)) for of, two in zip(known, ends, strict=True)
    ]


def test_an_ablation_of_nothing_says_so(planted, results, tmp_path):
    found = results["ablation"]
    rows_ = (
        found.table().filter(pl.col("selection") == "chosen").with_columns(activations=pl.lit(0))
    )
    none = es.Ablation(found.info, rows_)
    section = part(page_of(planted.report(tmp_path / "n.html", ablation=none)), "ablation")
    assert "Nothing was chosen by" in section
    assert "<svg" not in section


def test_an_ablation_of_another_model_is_refused(planted, results, tmp_path):
    found = results["ablation"]
    other = es.Ablation(replace(found.info, model="GATv2"), found.table())
    with pytest.raises(InputError, match="ablation of GATv2, expected one of GraphTransformer"):
        planted.report(tmp_path / "report.html", ablation=other)
