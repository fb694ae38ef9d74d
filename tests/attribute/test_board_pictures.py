"""A leaderboard in a notebook: what methods are worth first, and the curves of its tables."""

from dataclasses import replace

import polars as pl
import pytest
from matplotlib.figure import Figure

from edgescope.attribute import leaderboard
from edgescope.lib.errors import InputError
from edgescope.plots.formats import fixed
from support.cards import HOSTILE, card
from support.figures import check_one_figure, no_figure_left
from support.judging_cases import BAD, GOOD, VALUES, Additive, planted


@pytest.fixture(scope="module")
def board():
    models = [Additive(*VALUES), Additive(0.1, 1.0, -2.0)]
    return leaderboard([("planted", models, planted(20))], [GOOD, BAD, "random"], progress=False)


@pytest.mark.parametrize("side", ["plus", "minus"])
def test_curves_are_the_means_over_trainings(board, side):
    ax = board.plot(Figure().subplots(), side=side)
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert set(lines) == {"good", "bad", "random"}
    for method, line in lines.items():
        rows = board.curves.filter(method=method, side=side)
        mean = rows.group_by("share").agg(pl.col("change").mean()).sort("share")
        assert line.get_xdata() == pytest.approx(100 * mean["share"].to_numpy())
        assert line.get_ydata() == pytest.approx(mean["change"].to_numpy())


def test_the_card_says_what_methods_are_worth_and_then_the_numbers(board):
    page = card(board)
    first = board.sentences()[0]
    assert page.text.startswith(f"Leaderboard of 3 methods on 1 model {first}")
    for row, shown in zip(board.table().to_dicts(), page.rows[1:], strict=True):
        assert shown[:3] == ["planted", row["method"], fixed(row["auroc"])]


def test_other_data_sides_and_axes_are_refused_and_leave_no_figure(board):
    for options, said in (
        ({"side": "both"}, "received side='both', expected one of plus, minus"),
        ({"data": "x"}, "received data='x', expected one of planted"),
        ({"recipe": "x"}, "received recipe='x'"),
        ({"ax": "x"}, "received ax=str"),
    ):
        with no_figure_left(), pytest.raises(InputError, match=said):
            board.plot(**options)
    check_one_figure(board.plot)


def test_names_are_shown_and_break_nothing(board, tmp_path):
    tables = {
        name: getattr(board, name).with_columns(pl.lit(HOSTILE).alias("data"))
        for name in ("graphs", "trainings", "curves", "stability", "agreement")
    }
    hostile = replace(board, **tables)
    assert card(hostile).text.count("</p></table><script>") >= 3
    hostile.plot(Figure().subplots()).figure.savefig(tmp_path / "figure.png")
