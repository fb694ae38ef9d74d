"""Panels of a fixed size, and files with the same bytes every time."""

from pathlib import Path
from typing import TYPE_CHECKING

from edgescope.lib.files import replacing
from edgescope.lib.optional import require
from edgescope.plots.svg import figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_PANEL = (4.2, 2.6)
"""Width and height of a panel in inches."""

_MARGINS = (0.8, 0.2, 0.55, 0.55)
_GAP = 0.75
"""Inches between panels."""


def panels(rows: int, columns: int) -> "tuple[Figure, NDArray[np.object_]]":
    """Return a figure with panels of a fixed size ``[rows, columns]``."""
    wide, high = _PANEL
    left, right, bottom, top = _MARGINS
    width = left + right + columns * wide + (columns - 1) * _GAP
    height = bottom + top + rows * high + (rows - 1) * (_GAP + top)
    drawn = figure(width, height, _MARGINS)
    space = {"wspace": _GAP / wide, "hspace": (_GAP + top) / high}
    return drawn, drawn.subplots(rows, columns, squeeze=False, gridspec_kw=space)


def save_figure(drawn: "Figure", path: Path) -> Path:
    """Write a figure, with the same bytes every time; the file is whole or absent."""
    require("matplotlib", "report")
    suffix = path.suffix[1:]
    empty = {"svg": ("Creator", "Date"), "pdf": ("Creator", "CreationDate"), "png": ("Software",)}
    metadata = dict.fromkeys(empty[suffix])
    with replacing(path) as temporary:
        drawn.savefig(temporary, format=suffix, metadata=metadata, facecolor="white", dpi=150)
    return path
