"""Axes are labelled in plain numbers."""

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.plots.axes import signed_x_axis

mpl.use("agg")
EXPONENTS = st.integers(-12, 9)


@given(straight=EXPONENTS, below=EXPONENTS, above=EXPONENTS)
def test_a_signed_axis_has_few_plain_labels_on_either_side_of_zero(straight, below, above):
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    axes.plot([-(10.0**below), 10.0**above], [0, 1], "o")
    signed_x_axis(axes, 10.0**straight)
    ticks = axes.get_xticks()
    assert 0 in ticks
    for side in (ticks[ticks > 0], -ticks[ticks < 0]):
        assert len(side) <= 3
        assert (side >= 2 * 10.0**straight).all()
        assert np.log10(side) == pytest.approx(np.round(np.log10(side)))
    axes.figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert len(set(labels)) == len(ticks)
    assert not any("$" in label for label in labels)
