"""A forest of numbers over seeds: every number on its line, and all of it within the axes."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from edgescope.plots.seed_forests import ForestRow, draw_seed_forest

NUMBER = st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf))
ROW = st.builds(
    ForestRow,
    label=st.sampled_from(["one", "two\nlines", "$x$"]),
    value=NUMBER,
    low=NUMBER,
    high=NUMBER,
    values=st.lists(st.floats(-1e6, 1e6), max_size=3),
    counts=st.booleans(),
)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(ROW, min_size=1, max_size=4),
    st.sampled_from([(-math.inf, 0.0), (1.0, math.inf), (-1.0, 1.0)]),
    st.one_of(st.none(), st.just(0.0)),
)
def test_every_number_stands_on_its_line_and_within_the_axes(rows, region, null):
    axes = Figure().subplots()
    draw_seed_forest(axes, rows, region, null)
    low, high = axes.get_xlim()
    every = [v for row in rows for v in (row.value, row.low, row.high, *row.values)]
    assert all(low < value < high for value in every if math.isfinite(value))
    assert [label.get_text() for label in axes.get_yticklabels()] == [row.label for row in rows]
    means = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_ydata()[0] for line in means] == list(range(len(rows)))
    assert [line.get_alpha() for line in means] == [1.0 if row.counts else 0.4 for row in rows]
