"""Forest plots: numbers with their intervals, one line below the other, on one pair of axes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgescope.lib.visible_text import visible
from edgescope.plots.axes import BLUE, DASHES, GREEN, PURPLE, VERMILION
from edgescope.plots.formats import percent
from edgescope.plots.svg import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SELECTIONS = {
    "chosen": ("chosen", VERMILION, "o"),
    "number": ("as many at random", BLUE, "s"),
    "magnitude": ("next in magnitude", GREEN, "^"),
    "edge_type": ("same edge types", PURPLE, "D"),
}
"""Name, colour and marker of what an ablation replaces."""


def replaced(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of an ablation in which something was replaced; others have no numbers."""
    return [row for row in rows if row["draws"] and row["activations"]]


def sites_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the sites of some rows as they are written beside them."""
    sites = dict.fromkeys(str(row["site"]) for row in rows)
    return ["all together" if site == "all" else visible(site) for site in sites]


def draw_ablation(axes: "Axes", rows: Sequence[Mapping[str, Any]], axis: str, label: str) -> None:
    """Draw what replacing the chosen activations changes at every site, beside the controls.

    Args:
        axes: what to draw on; the first site stands on top.
        rows: rows of an ablation's table in which something was replaced.
        axis: the column to draw, which has ``_low`` and ``_high``.
        label: what the axis says.
    """
    sites = list(dict.fromkeys(row["site"] for row in rows))
    present = [name for name in SELECTIONS if any(row["selection"] == name for row in rows)]
    shift = np.linspace(-0.27, 0.27, len(present)) if len(present) > 1 else [0.0]
    axes.axvline(0, color=INK, linewidth=1)
    for offset, name in zip(shift, present, strict=True):
        of = [row for row in rows if row["selection"] == name]
        at = [sites.index(row["site"]) + offset for row in of]
        value, low, high = (
            np.array([row[f"{axis}{end}"] for row in of], dtype=float)
            for end in ("", "_low", "_high")
        )
        words, colour, marker = SELECTIONS[name]
        axes.hlines(at, low, high, color=colour, linewidth=1.6)
        axes.plot(value, at, marker, color=colour, markersize=5.5, label=words)
    axes.set_yticks(range(len(sites)), sites_of(rows))
    axes.set_ylim(len(sites) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(label)


def draw_groups(
    axes: "Axes",
    rows: Sequence[Mapping[str, Any]],
    groups: Sequence[str],
    fdr: float,
    overall: float | None,
) -> None:
    """Draw the prevalence of every group with its interval.

    Args:
        axes: what to draw on; the first group stands on top.
        rows: ``group``, ``prevalence``, ``low``, ``high`` and ``q`` of the groups.
        groups: the groups, in order; one without a row has an empty line.
        fdr: q-value up to which a difference counts.
        overall: the share of massive edges among all, if it is known.
    """
    place = {group: position for position, group in enumerate(groups)}
    for found, colour, marker, label in (
        (True, VERMILION, "o", f"q at most {fdr:g}"),
        (False, BLUE, "s", "no clear difference"),
    ):
        of = [row for row in rows if (row["q"] is not None and row["q"] <= fdr) == found]
        if not of:
            continue
        rate, low, high = (
            100 * np.array([row[key] for row in of], dtype=float)
            for key in ("prevalence", "low", "high")
        )
        at = [place[row["group"]] for row in of]
        axes.hlines(at, low, high, color=colour, linewidth=1.6)
        face = colour if found else "white"
        style: dict[str, Any] = {"color": colour, "markerfacecolor": face, "markersize": 5.5}
        axes.plot(rate, at, marker, label=label, clip_on=False, **style)
    if overall is not None:
        label = f"all edges {percent(overall)}"
        axes.axvline(100 * overall, color=INK, linewidth=1, linestyle=DASHES, label=label)
    axes.set_yticks(range(len(groups)), list(map(visible, groups)))
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("massive edges of the group (%)")
    axes.grid(visible=False, axis="y")
