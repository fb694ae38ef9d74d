"""An interpretation in a notebook: whether groups differ, and their prevalence on axes."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from edgescope.interpret import ANY, Interpretation, interpret
from edgescope.lib.errors import InputError
from edgescope.plots.formats import number, percent
from support.cards import HOSTILE, card
from support.figures import check_one_figure, no_figure_left


@pytest.fixture(scope="module")
def found(scan, molecules):
    by = ["bond_type", "element_pair"]
    return interpret(scan, molecules, by=by, permutations=30, resamples=30, progress=False)


def drawn(found, **options):
    return found.plot(Figure().subplots(), **options)


@pytest.mark.parametrize("by", [None, "element_pair"])
@pytest.mark.parametrize("site", [None, "layers.1.attention:score"])
def test_the_prevalence_of_groups_is_that_of_the_table(found, by, site):
    ax = drawn(found, by=by, site=site, most=4)
    rows = found.table().filter(kind=by or "bond_type", site=site or ANY)
    largest = rows.sort("edges", descending=True, maintain_order=True).head(4)
    groups = [label.get_text() for label in ax.get_yticklabels()]
    assert set(groups) == set(largest["group"])
    shown = {
        groups[int(at)]: value
        for line in ax.get_lines()
        if line.get_marker() in {"o", "s"}
        for value, at in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }
    expected = dict(largest.select("group", 100 * pl.col("prevalence")).rows())
    assert shown == pytest.approx(expected)
    of = found.overall.filter(kind=by or "bond_type", site=site or ANY).row(0, named=True)
    lines = [line for line in ax.get_lines() if line.get_label().startswith("all edges")]
    assert lines[0].get_xdata() == pytest.approx([100 * of["massive"] / of["edges"]] * 2)


def test_filled_marks_are_the_groups_that_differ(found):
    table = found.table().with_columns(pl.Series("q", [0.01, 0.5] * (found.table().height // 2)))
    half = replace(found, enrichment=table)
    ax = drawn(half)
    rows = table.filter(kind="bond_type", site=ANY)
    counts = {line.get_label(): len(line.get_xdata()) for line in ax.get_lines()}
    assert counts["q at most 0.05"] == (rows["q"] <= 0.05).sum()
    assert counts["no clear difference"] == (rows["q"] > 0.05).sum()


def test_the_card_has_the_conclusion_and_the_notable_groups(found):
    page = card(found)
    assert found.conclusion() in page.text
    clear = found.notable().select((pl.col("enriched") + pl.col("depleted")) > 0).to_series()
    assert ("some groups differ" in page.text) == clear.any()
    for row, shown in zip(found.notable().to_dicts(), page.rows[1:], strict=True):
        assert shown[:5] == [
            *(row["kind"], row["group"], number(row["edges"]), number(row["massive"])),
            percent(row["prevalence"]),
        ]


def test_what_is_not_there_is_refused_and_leaves_no_figure(found):
    for options, said in (
        ({"by": "colour"}, "received by='colour', expected one of bond_type, element_pair"),
        ({"site": "x"}, "received site='x', expected one of"),
        ({"ax": Figure()}, "received ax=Figure"),
    ):
        with no_figure_left(), pytest.raises(InputError, match=said):
            found.plot(**options)
    with no_figure_left(), pytest.raises(InputError, match="nothing to draw"):
        Interpretation(found.enrichment.clear()).plot()
    check_one_figure(found.plot)


def test_names_are_shown_and_break_nothing(found, tmp_path):
    columns = [pl.lit(HOSTILE).alias(name) for name in ("group", "kind")]
    table = found.table().filter(site=ANY).head(1).with_columns(columns)
    info = {**found.info, "model": HOSTILE, "data": HOSTILE}
    hostile = Interpretation(table, info=info)
    assert card(hostile).text.count("</p></table><script>") >= 2
    ax = hostile.plot(Figure().subplots())
    ax.figure.savefig(tmp_path / "figure.svg")
    assert np.isfinite(ax.get_xlim()).all()
