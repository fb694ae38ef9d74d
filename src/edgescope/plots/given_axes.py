"""Axes that a user gives, or new ones of pyplot's: what ``.plot(ax=None)`` of a result draws on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from edgescope.lib.errors import InputError
from edgescope.lib.optional import require
from edgescope.lib.visible_text import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 16
"""Points that a row of the legend takes above the axes."""

_LETTERS = 80
"""Letters of a legend's row that fit above axes of the usual width."""


@contextmanager
def drawn_on(ax: Any, size: tuple[float, float] | None = None) -> Iterator["Axes"]:  # noqa: ANN401
    """Yield the axes to draw on.

    Nothing of matplotlib's settings is changed. A new figure is closed if drawing fails. Names are
    shown as they are: a dollar sign in one starts no formula.

    Args:
        ax: axes of the user's; None for new ones, in a figure that pyplot knows of.
        size: width and height in inches of a new figure.

    Raises:
        InputError: if ``ax`` is something else.
        MissingExtraError: if matplotlib is not installed.
    """
    kind = require("matplotlib.axes", "report").Axes
    if ax is not None and not isinstance(ax, kind):
        raise InputError(
            f"received ax={type(ax).__name__}, expected axes of matplotlib, such as "
            "ax=plt.subplots()[1]; leave it out for a new figure"
        )
    if ax is not None:
        before = _texts(ax)
        yield ax
        _as_written(ax, before)
        return
    pyplot = require("matplotlib.pyplot", "report")
    made, axes = pyplot.subplots(figsize=size, layout="constrained")
    try:
        yield axes
        _as_written(axes, {})
    except BaseException:
        pyplot.close(made)
        raise


def named_or_first(known: Sequence[str], name: str | None, argument: str) -> str:
    """Return a name that is known, the first if none is given.

    Args:
        known: the names.
        name: one of them, or None.
        argument: what the user calls it.

    Raises:
        InputError: if it is not among them, or there is none.
    """
    if not known:
        raise InputError("the result is empty, so there is nothing to draw")
    if name is not None and name not in known:
        raise InputError(f"received {argument}={name!r}, expected one of {', '.join(known)}")
    return known[0] if name is None else name


def heading(axes: "Axes", title: str, above: float = 0) -> None:
    """Write a title at the left, and below it what lines and marks mean, if anything does.

    Args:
        axes: where.
        title: the title.
        above: points that stand free above the axes, for what else is there.
    """
    transforms = require("matplotlib.transforms", "report")
    handles, labels = axes.get_legend_handles_labels()
    rows = 0
    if handles:
        columns = max(1, min(len(labels), int(_LETTERS / (6 + max(map(len, labels))))))
        rows = -(-len(labels) // columns)
        lift = transforms.ScaledTranslation(0, above / 72, axes.figure.dpi_scale_trans)
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            bbox_transform=axes.transAxes + lift,
            ncols=columns,
            frameon=False,
            fontsize="small",
            borderaxespad=0.3,
        )
    title = "\n".join(map(visible, title.split("\n")))
    axes.set_title(title, loc="left", pad=8 + above + _ROW * rows)


def _as_written(axes: "Axes", before: dict[Any, str]) -> None:
    """Let no dollar sign of a name start a formula, in what was written since."""
    for text, content in _texts(axes).items():
        if before.get(text) != content:
            text.set_parse_math(False)


def _texts(axes: "Axes") -> dict[Any, str]:
    """Return every text of the axes, the labels of ticks included, with what it says."""
    of = require("matplotlib.text", "report").Text
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_ticklabels()  # which are written only when somebody asks
    return {text: text.get_text() for text in axes.findobj(of)}
