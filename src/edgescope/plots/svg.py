"""Matplotlib without its global state, and SVG that can stand inside a page.

Figures are drawn from matplotlib's own defaults, whatever the user's settings are, and the same
figure gives the same bytes every time.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree as ET

from edgescope.lib.optional import require
from edgescope.lib.visible_text import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, HALF = 11.0, 5.3
"""Widths of figures in inches; they are scaled to the width of the page."""

INK = "#222222"

_SETTINGS = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and the file is small
    "svg.hashsalt": "edgescope",  # else ids are random
    "text.parse_math": False,  # a dollar sign in a site's name is a dollar sign
    "image.composite_image": False,
    "font.sans-serif": ["DejaVu Sans"],  # for the measures; the page sets the font that is seen
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 22.0,  # leaves a row for the legend
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.borderpad": 0.0,
    "legend.borderaxespad": 0.4,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.4,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_URL = re.compile(r"url\(#([^)]+)\)")
_DECIMALS = re.compile(r"(\.\d\d)\d+")
_LIVE = "live-"
"""Starts the ids of parts that the script of a page changes."""
_POINTS = 72
"""Units of a drawing per inch."""


@contextmanager
def settings() -> Iterator[None]:
    """Draw with the report's settings; those of the user are put back afterwards."""
    matplotlib = require("matplotlib", "report")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def figure(
    width: float, height: float, margins: tuple[float, float, float, float] | None = None
) -> "Figure":
    """Return an empty figure that pyplot does not know of.

    Args:
        width: width in inches.
        height: height in inches.
        margins: inches to the left, right, bottom and top of the axes; found from what is drawn
            by default, which takes twice as long.
    """
    make = require("matplotlib.figure", "report").Figure
    drawn: Figure = make(figsize=(width, height), layout=None if margins else "constrained")
    if margins:
        left, right, bottom, top = margins
        drawn.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height)
    return drawn


def label_width(labels: Iterable[str]) -> float:
    """Return the inches that the longest of some labels takes beside the axes, at most 4."""
    return min(0.25 + 0.08 * max(map(len, labels), default=0), 4.0)


def render(drawn: "Figure", name: str, title: str) -> str:
    """Return a figure as SVG for a page.

    Args:
        drawn: the figure.
        name: prefix of every id in it, unique on the page.
        title: what the figure shows, for those who cannot see it.
    """
    _mark_thresholds(drawn)
    text = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    drawn.savefig(text, format="svg", metadata=nothing)
    made = inline(text.getvalue(), name, title)
    frames = [_frame(axes) for axes in drawn.axes if axes.get_gid() in _FOLLOWED]
    known = f"data-frames='{json.dumps(frames, separators=(',', ':'))}' " if frames else ""
    return made.replace("<svg ", f"<svg {known}", 1)


def followed(axes: "Axes", along: Literal["x", "y"]) -> None:
    """Let the script of a page move the threshold of axes.

    Args:
        axes: axes whose ``y`` is a ratio on a logarithmic scale, or whose ``x`` is -log10(ratio).
        along: which of the two.
    """
    axes.set_gid(f"followed-{along}")


_FOLLOWED = {"followed-x": "x", "followed-y": "y"}


def _mark_thresholds(drawn: "Figure") -> None:
    """Name every line called a threshold, and what the legends say of it, for a page's script."""
    legends = [*drawn.legends, *(axes.get_legend() for axes in drawn.axes)]
    for axes in drawn.axes:
        for line in axes.lines:
            if axes.get_gid() in _FOLLOWED and str(line.get_label()).startswith("threshold "):
                line.set_gid("live-threshold")
    if any(axes.get_gid() in _FOLLOWED for axes in drawn.axes):
        for legend in filter(None, legends):
            for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True):
                if handle is not None and text.get_text().startswith("threshold "):
                    text.set_gid("live-threshold")
                    handle.set_gid("live-threshold")


def _frame(axes: "Axes") -> dict[str, Any]:
    """Return where axes stand in a drawing, in points from its upper left, and what they span."""
    whole = axes.get_figure(root=True)
    assert whole is not None
    width, height = whole.get_size_inches() * _POINTS
    place = axes.get_position()
    along = _FOLLOWED[str(axes.get_gid())]
    limits = axes.get_xlim() if along == "x" else axes.get_ylim()
    box = [place.x0 * width, (1 - place.y1) * height, place.x1 * width, (1 - place.y0) * height]
    return {"along": along, "box": [float(f"{value:.6g}") for value in (*box, *limits)]}


def inline(svg: str, name: str, title: str) -> str:
    """Turn an SVG file into an element of a page.

    Ids that something refers to get the prefix ``name``, since a page holds many figures; other
    ids, styles, metadata and fixed sizes are left out, and coordinates are rounded to a hundredth
    of a point.
    """
    for prefix, space in (("", _SVG), ("xlink", _XLINK)):
        ET.register_namespace(prefix, space[1:-1])
    # Names of a user's may hold characters that XML does not, or that turn the text round.
    svg = "\n".join(map(visible, svg.split("\n")))
    root = ET.fromstring(svg)  # noqa: S314  (written by matplotlib or RDKit just now)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {f"{_SVG}metadata", f"{_SVG}style"}:
                parent.remove(child)
    wanted = {found for element in root.iter() for found in _references(element)}
    for element in root.iter():
        if (named := element.get("id", "")).startswith(_LIVE):
            element.set("data-live", named.removeprefix(_LIVE))
        if element.get("id") not in wanted:
            element.attrib.pop("id", None)
        for key, value in list(element.attrib.items()):
            element.set(key, _attribute(key, value, name))
    for key in ("width", "height"):
        root.attrib.pop(key, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{name}-title"}
    label = ET.Element(f"{_SVG}title", {"id": f"{name}-title"})
    label.text = visible(title)
    root.insert(0, label)
    return ET.tostring(root, encoding="unicode")


def _references(element: ET.Element) -> list[str]:
    """Return the ids that an element points to."""
    pointers = [element.get("href", ""), element.get(f"{_XLINK}href", "")]
    direct = [pointer[1:] for pointer in pointers if pointer.startswith("#")]
    return direct + [found for value in element.attrib.values() for found in _URL.findall(value)]


def _attribute(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key in {"href", f"{_XLINK}href"} and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    if key == "d":
        return _DECIMALS.sub(r"\1", value)
    return value.replace("url(#", f"url(#{name}-")
