"""An ablation in a notebook: its verdict first, and a forest of the numbers of its table."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from edgescope.intervene import Ablation
from edgescope.lib.errors import InputError
from edgescope.plots.forests import SELECTIONS
from edgescope.plots.formats import number
from support.ablation_cases import ablated, nothing
from support.cards import HOSTILE, card
from support.figures import check_one_figure, no_figure_left


@pytest.fixture(scope="module")
def found():
    return ablated(where=20, controls=["number", "magnitude"])


@pytest.mark.parametrize("metric", ["mae", None])
def test_the_forest_has_the_numbers_of_the_table(metric):
    found = ablated(where=20, controls=["number"], metric=metric)
    axis = "moved" if metric is None else "change"
    ax = found.plot(Figure().subplots())
    lines = {line.get_label(): line for line in ax.get_lines()}
    for name in ("chosen", "number"):
        rows = found.table().filter((pl.col("selection") == name) & (pl.col("activations") > 0))
        line = lines[SELECTIONS[name][0]]
        assert line.get_xdata() == pytest.approx(rows[axis].to_numpy())
        assert np.round(line.get_ydata()).tolist() == list(range(rows.height))
    intervals = [segment[:, 0] for each in ax.collections for segment in each.get_segments()]
    shown = found.table().filter(pl.col("activations") > 0)
    ends = np.sort(shown.select(f"{axis}_low", f"{axis}_high").to_numpy(), axis=0)
    assert np.sort(intervals, axis=0) == pytest.approx(ends, nan_ok=True)
    words = "change of MAE" if metric else "mean change of predictions"
    assert ax.get_xlabel() == words


def test_the_card_begins_with_the_verdict_and_has_a_row_per_selection(found):
    page = card(found)
    assert found.verdict() in found.conclusion()
    assert page.text.startswith(f"Ablation of GraphTransformer: 12 graphs {found.verdict()} ")
    assert found.conclusion() in page.text
    rows = found.table().filter(pl.col("activations") > 0).to_dicts()
    for row, shown in zip(rows, page.rows[1:], strict=True):
        assert shown[1:3] == [SELECTIONS[row["selection"]][0], number(row["activations"])]
        assert shown[4] == number(row["change"])


def test_nothing_replaced_is_said_and_refused():
    found = ablated(where=nothing)
    assert found.verdict() == ""
    assert "nothing was replaced" in card(found).text
    with no_figure_left(), pytest.raises(InputError, match="nothing was replaced"):
        found.plot()


def test_without_controls_there_is_no_verdict():
    found = ablated(where=20, controls=[])
    assert found.verdict() == ""
    assert card(found).text.startswith("Ablation of GraphTransformer: 12 graphs replacing ")


def test_names_are_shown_and_break_nothing(found, tmp_path):
    rows = found.table().with_columns((pl.lit(HOSTILE) + pl.col("site")).alias("site"))
    info = replace(found.info, model=HOSTILE, data=HOSTILE, where=HOSTILE, value=HOSTILE)
    hostile = Ablation(info, rows)
    assert card(hostile).text.count("</p></table><script>") >= 4
    hostile.plot(Figure().subplots()).figure.savefig(tmp_path / "figure.png")


def test_new_axes_are_of_one_figure(found):
    check_one_figure(found.plot)
