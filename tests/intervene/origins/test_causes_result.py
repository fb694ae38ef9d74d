"""A result is saved and read, says what it found, and draws it."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import edgescope as es
from edgescope.intervene.origins.causes_result import TABLES
from edgescope.lib.errors import InputError
from support.planted_causes import all_of_two_tensors, finest, traced, two_tensors

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(scope="module")
def found():
    return all_of_two_tensors()


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def test_what_was_saved_is_what_is_read(found, tmp_path):
    again = es.Causes.load(found.save(tmp_path / "causes"))
    assert again.info == found.info
    for name in TABLES:
        assert_frame_equal(again.table(name), found.table(name))
    assert again.conclusion() == found.conclusion()
    assert repr(again) == repr(found)
    with pytest.raises(InputError, match="unknown table 'set'"):
        found.table("set")


def test_the_sentence_has_the_numbers_of_the_tables(found):
    said = found.verdicts()
    ends = found.table().filter(level="model")["massive"].to_list()
    assert said[0].startswith(f"{ends[0]} of ")
    assert f"{ends[1]} before training" in said[0]
    units = finest(found)["creates"]["units"].split("; ")
    assert f"trained {' and '.join(units)} in the untrained model makes" in said[2]
    assert "at random" in said[1]
    assert said[3].startswith("exact at layers.0.attention:score")
    assert "query" in said[-1]


def test_units_are_ranked_within_level_and_direction(found):
    for _, rows in found.table().filter(level="layer").group_by("direction"):
        assert rows["rank"].to_list() == list(range(1, rows.height + 1))
        shares = rows["share"].to_list()
        assert shares == sorted(shares, reverse=True)
        assert (rows["share_low"] <= rows["share"]).all()
        assert (rows["share"] <= rows["share_high"]).all()


def test_the_path_is_drawn_with_the_shares_that_are_left(found):
    axes = found.plot()
    sites = list(found.info.sites)
    assert [label.get_text() for label in axes.get_yticklabels()] == sites
    shown = axes.images[0].get_array()
    paths = found.table("paths").filter(into="trained", source="untrained", patched=sites[0])
    before = found.table("sites").filter(level="model", unit="trained")
    for column, site in enumerate(label.get_text() for label in axes.get_xticklabels()):
        left = paths.filter(site=site)["massive"][0] / before.filter(site=site)["massive"][0]
        assert shown[0][column] == pytest.approx(min(left, 1))


def test_units_are_drawn_and_a_card_is_shown(found):
    axes = found.plot_units(level="module")
    assert axes.get_yticklabels()[0].get_text() in {
        "layers.0.attention.query",
        "layers.0.attention.key",
    }
    html = found._repr_html_()
    assert "layers.0.attention.key.weight" in html
    assert "causes.plot()" in html
    with pytest.raises(InputError, match="level='head'"):
        found.plot_units(level="head")
    nothing = traced(*two_tensors(), where=1e30)
    for draw in (nothing.plot, nothing.plot_units):
        with pytest.raises(InputError, match="nothing"):
            draw()
    assert "nothing that training has made" in nothing._repr_html_()


def test_a_patch_that_makes_numbers_no_criterion_judges_takes_nothing_away(found):
    def broken(paths):
        patched = (pl.col("into") == "trained") & (pl.col("source") == "untrained")
        nothing = pl.when(patched).then(0).otherwise("massive").alias("massive")
        return paths.with_columns(
            nothing, pl.when(patched).then("edges").otherwise("nonfinite").alias("nonfinite")
        )

    tables = {**found.tables, "paths": broken(found.table("paths"))}
    assert (
        "no site whose values come from the untrained" in es.Causes(found.info, tables).conclusion()
    )
