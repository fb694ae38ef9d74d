"""Figures of an interpretation: prevalence by group, and how it goes with what is common."""

from typing import Any

from edgescope.plots.axes import BLUE, legend_row, ratio_axis
from edgescope.plots.forests import draw_groups
from edgescope.plots.formats import number
from edgescope.plots.svg import WIDE, figure, label_width, render
from edgescope.report.sections.interpretation.numbers import overall_of, rows_of

_LABELLED = 8
"""Points that bear their name, those of the most frequent groups; names of all would overlap."""

_DECADE = 10.0
"""Frequencies that lie farther apart than by this factor are drawn on a logarithmic axis."""

_SHORT = 22
"""Letters of a name that fit beside a point."""

_PAIRS = (("frequency", "importance"), ("frequency", "prevalence"), ("importance", "prevalence"))

_LABELS = {
    "frequency": "frequency: edges of the group (%)",
    "importance": "mean importance of its edges",
    "prevalence": "prevalence: massive edges of it (%)",
}


def forest(section: dict[str, Any], kind: dict[str, Any], name: str) -> str:
    """Draw the prevalence of every group of a kind with its interval, a panel per site.

    Args:
        section: the report's ``interpretation``.
        kind: an entry of its ``kinds``.
        name: what the figure's ids begin with.
    """
    groups, sites = kind["shown"], section["sites"]
    left = label_width(groups)
    drawn = figure(WIDE, 1.15 + 0.24 * len(groups), (left, 0.15, 0.5, 0.5))
    panels = drawn.subplots(
        1, len(sites), sharey=True, squeeze=False, gridspec_kw={"wspace": 0.06}
    )[0]
    for axes, site in zip(panels, sites, strict=True):
        overall = overall_of(section, kind["kind"], site)
        draw_groups(axes, rows_of(section, kind, site), groups, section["fdr"], overall)
        axes.set_title(site)
        legend_row(axes)
    title = f"Share of massive edges by {kind['kind']}, with 95 % intervals"
    return render(drawn, name, title)


def common(section: dict[str, Any], kind: str, name: str) -> str:
    """Draw frequency, importance and prevalence of the groups of a kind against each other.

    Args:
        section: the report's ``interpretation``, with importances.
        kind: name of the kind.
        name: what the figure's ids begin with.
    """
    points = common_rows(section, kind)
    drawn = figure(WIDE, 3.5, (0.65, 0.15, 0.5, 0.35))
    panels = drawn.subplots(1, 3, gridspec_kw={"wspace": 0.28})
    labelled = sorted(points, key=lambda row: -row["frequency"])[:_LABELLED]
    for axes, (first, second) in zip(panels, _PAIRS, strict=True):
        unit = {"frequency": 100, "prevalence": 100, "importance": 1}
        x, y = ([unit[key] * row[key] for row in points] for key in (first, second))
        axes.plot(x, y, "o", color=BLUE, markersize=5.5, alpha=0.85)
        if first == "frequency" and max(x) > _DECADE * min(x):
            axes.set_xscale("log")
            ratio_axis(axes.xaxis)
        for row in labelled:
            axes.annotate(
                row["group"][:_SHORT],
                (unit[first] * row[first], unit[second] * row[second]),
                xytext=(3, 3),
                textcoords="offset points",
                fontsize=6.5,
            )
        axes.margins(x=0.18)
        axes.set_xlabel(_LABELS[first])
        axes.set_ylabel(_LABELS[second])
        axes.set_title(_correlation(section, kind, first, second), pad=6)
    title = f"Frequency, importance and prevalence of groups by {kind} at {section['site']}"
    return render(drawn, name, title)


def common_rows(section: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return frequency, importance and prevalence of a kind's groups that have all of them."""
    rows = [row for row in section["importance"] or () if row["kind"] == kind]
    here = {
        row["group"]: row["prevalence"]
        for row in section["table"]
        if (row["kind"], row["site"]) == (kind, section["site"])
    }
    wanted = ("group", "frequency", "importance")
    points = [
        {key: row[key] for key in wanted} | {"prevalence": here.get(row["group"])} for row in rows
    ]
    return [row for row in points if None not in row.values()]


def _correlation(section: dict[str, Any], kind: str, first: str, second: str) -> str:
    """Write the rank correlation of two measures over groups with its interval."""
    site = None if (first, second) == _PAIRS[0] else section["site"]
    for row in section["correlations"] or ():
        same = (row["site"], row["kind"], row["first"], row["second"])
        if same == (site, kind, first, second) and row["spearman"] is not None:
            known = row["low"] is not None and row["high"] is not None
            ends = f" ({number(row['low'])} to {number(row['high'])})" if known else ""
            return f"rank correlation {number(row['spearman'])}{ends}"
    return "no rank correlation"
