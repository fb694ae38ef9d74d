"""Panels from rows of result tables: what of the rows is drawn, and what is not."""

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from edgescope.study.published_panels import draw_counts, shares_of
from support.claim_tables import Planted


@pytest.fixture(scope="module")
def layer():
    """The histogram and the laws of a layer."""
    of = Planted()
    cell = of.cell(41)
    of.pictures(cell)
    of.laws(cell, 0.02, 0.2)
    tables = of.tables()
    return [tables[name].filter(layer=0) for name in ("histogram", "laws")]


def drawn(counted, fitted):
    axes = Figure().subplots()
    draw_counts(axes, counted, fitted)
    curves = [patch.get_data().values for patch in axes.patches]
    return (
        curves,
        [line.get_label() for line in axes.lines],
        [text.get_text() for text in axes.texts],
    )


def test_seeds_are_summed_and_the_law_with_the_median_distance_is_drawn(layer):
    counted, fitted = layer
    alone, laws, said = drawn(counted, fitted)
    assert not said
    more = [fitted.with_columns(ks=pl.col("ks") + by) for by in (-0.01, 0.3)]
    joined, same, _ = drawn(pl.concat([counted, counted.reverse()]), pl.concat([fitted, *more]))
    assert all(np.allclose(one, two) for one, two in zip(alone, joined, strict=True))
    assert laws == same
    assert any("KS 0.2" in label for label in laws)


def test_where_no_law_fits_it_is_said(layer):
    counted, fitted = layer
    without = fitted.with_columns(ks=pl.when(pl.col("state") == "trained").then("ks"))
    for known in (without, fitted.filter(state="trained").clear()):
        assert "untrained" in drawn(counted, known)[2][0]


def test_shares_stand_at_their_head_and_channel_in_any_order():
    rows = {"head": [1, 0, 1, 0], "channel": [2, 0, 0, 1], "massive": [4, 1, 0, 2]}
    heat = pl.DataFrame(rows | {"edges": [8] * 4})
    assert shares_of(heat).tolist() == [[1 / 8, 2 / 8, 0], [0, 0, 4 / 8]]
    assert (shares_of(heat) == shares_of(heat.reverse())).all()
