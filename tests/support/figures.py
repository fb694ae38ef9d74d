"""Which figures pyplot knows of after something was drawn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt


@contextmanager
def no_figure_left() -> Iterator[None]:
    """Check that pyplot knows of no figure afterwards that it did not know of before."""
    before = plt.get_fignums()
    yield
    assert plt.get_fignums() == before


def check_one_figure(draw: Any) -> Any:
    """Check that drawing makes one figure, that of the axes returned; close it, and return them."""
    before = set(plt.get_fignums())
    axes = draw()
    assert set(plt.get_fignums()) - before == {axes.figure.number}
    plt.close(axes.figure)
    return axes
