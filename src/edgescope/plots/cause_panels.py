"""Causes of massive activations drawn on axes: the path through the sites, and what units do."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgescope.lib.visible_text import visible
from edgescope.plots.axes import BLUE, VERMILION, colours
from edgescope.plots.formats import percent
from edgescope.plots.svg import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DARK = 0.6
"""Share above which a number on the map is written in white."""

SLANT = 40
"""Degrees by which the names of sites below a map are turned."""

DRAWN = 12
"""Units that are drawn, the best first."""

WAYS = (("rewound", "taken away", BLUE, "o"), ("restored", "made", VERMILION, "s"))
"""Direction, what units do in it, colour and marker."""


def shares_left(
    paths: Sequence[Mapping[str, Any]], models: Sequence[Mapping[str, Any]]
) -> tuple[list[str], list[str], list[list[float]]]:
    """Return which share of the massive edges of a site is left after a patch.

    Args:
        paths: rows of the table ``paths`` of causes.
        models: rows of the table ``sites`` that are about the trained model itself.

    Returns:
        The patched sites, the sites with something massive, and the shares, by both.
    """
    usual = {row["site"]: row["massive"] for row in models if row["massive"]}
    of = [row for row in paths if (row["into"], row["source"]) == ("trained", "untrained")]
    patched = list(dict.fromkeys(row["patched"] for row in of))
    left = {(row["patched"], row["site"]): row["massive"] for row in of}
    shares = [[left[row, site] / usual[site] for site in usual] for row in patched]
    return patched, list(usual), shares


def draw_path(
    axes: "Axes", patched: Sequence[str], sites: Sequence[str], shares: Sequence[Sequence[float]]
) -> None:
    """Draw which share of the massive edges of each site is left after patching another.

    Args:
        axes: what to draw on; the first patched site stands on top.
        patched: the patched sites.
        sites: the sites that are counted at.
        shares: what is left, by both; above one the map stays as dark.
    """
    left = np.array(shares)
    axes.imshow(np.minimum(left, 1), cmap=colours(), vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(left):
        colour = "white" if share > _DARK else INK
        axes.text(column, row, percent(float(share)), ha="center", va="center", color=colour)
    axes.set_yticks(range(len(patched)), [visible(site) for site in patched])
    names = [visible(site) for site in sites]
    axes.set_xticks(range(len(sites)), names, rotation=SLANT, ha="right")
    axes.grid(visible=False)
    axes.set_xlabel("massive edges left at")
    axes.set_ylabel("patched")


def best_units(rows: Sequence[Mapping[str, Any]], level: str) -> list[Mapping[str, Any]]:
    """Return the rows of the units of a level that do most in one of the directions.

    Args:
        rows: of the table ``rewinds`` of causes.
        level: of the units.
    """
    known = [row for row in rows if row["level"] == level and row["share"] is not None]
    ranked = sorted(known, key=lambda row: row["rank"])
    units = list(dict.fromkeys(row["unit"] for row in ranked))[:DRAWN]
    return [row for row in ranked if row["unit"] in units]


def draw_units(axes: "Axes", rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw what each unit alone takes away when it is put back, and makes when it is trained.

    Args:
        axes: what to draw on; the first unit stands on top.
        rows: of the table ``rewinds`` of causes.
    """
    units = list(dict.fromkeys(row["unit"] for row in rows))
    axes.axvline(0, color=INK, linewidth=1)
    for shift, (direction, words, colour, marker) in zip((-0.12, 0.12), WAYS, strict=True):
        of = [row for row in rows if row["direction"] == direction]
        at = [units.index(row["unit"]) + shift for row in of]
        low, high = (
            np.array([row[f"share_{end}"] for row in of], dtype=float) for end in ("low", "high")
        )
        axes.hlines(at, low, high, color=colour, linewidth=1.6)
        axes.plot([row["share"] for row in of], at, marker, color=colour, label=words)
    axes.set_yticks(range(len(units)), [visible(unit) for unit in units])
    axes.set_ylim(len(units) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of the massive edges that training has made")
