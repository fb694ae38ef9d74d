"""Sections beyond the scan: interpretation, ablation and attribution, each only if it was made."""

from typing import Any

from edgescope.attribute import Leaderboard
from edgescope.interpret import Interpretation
from edgescope.interpret.commonness import FEWEST_GROUPS
from edgescope.intervene import Ablation
from edgescope.report.ablated import ablation_figure, collect_ablation, shown
from edgescope.report.attributed import collect_attribution
from edgescope.report.attributed_figures import disagreement, fidelity_curves
from edgescope.report.compared import compared_legend, draw_compared
from edgescope.report.forest import common, common_rows, forest
from edgescope.report.interpreted import collect_interpretation
from edgescope.scanning.result import Scan

READINGS = {
    "forest": (
        "Each mark is the share of a group's directed edges that are massive, and the line its "
        "95 % interval from resampled graphs; a share of none or all has no interval. Orange marks "
        "are groups on which massive edges lie more or less often than on alike edges of the same "
        "graphs, by a permutation test that holds degrees fixed, so they need not be those "
        "farthest from the dashed line, which is all edges together."
    ),
    "common": (
        "Each dot is a group: how common it is, how much predictions depend on its edges, and how "
        "often they are massive. Rank correlations are Spearman's over the groups, with 95 % "
        "intervals from resampled graphs; few groups make them uncertain."
    ),
    "ablation": (
        "Orange is what replacing the chosen activations does, and the other marks what replacing "
        "as many others of the same site does; lines are 95 % intervals from paired resamples of "
        "the graphs. Activations that matter move the orange mark away from the others, to the "
        "side of harm."
    ),
    "fidelity": (
        "On the left, good importances move predictions a lot as soon as few bonds are gone; on "
        "the right, they keep predictions as they are until many are gone. A line near that of "
        "random importances says no more than chance."
    ),
    "disagreement": (
        "Each cell is Spearman's rank correlation of two methods' importances of the edges of a "
        "graph, mean over graphs and trainings. 1 means that both rank edges the same way, 0 that "
        "they have nothing in common, -1 that one reverses the other; a dash that there is none."
    ),
    "compared": (
        "The same molecule once per method, its bonds coloured from the least to the most "
        "important by that method, so colours of different methods are not on one scale; no "
        "colour means that all bonds are alike to it. Blue bonds in the first drawing, marked by "
        "a blue star in the others, are known to matter, and AUROC is how well the method tells "
        "them from the rest of the molecule."
    ),
}
"""How to read the figures of these sections."""


def collect_sections(
    scan: Scan,
    interpretation: Interpretation | None,
    ablation: Ablation | None,
    leaderboard: Leaderboard | None,
) -> dict[str, Any]:
    """Gather the numbers of every section, None where there is no result.

    Raises:
        InputError: if a result does not belong to the scan.
    """
    return {
        "interpretation": interpretation and collect_interpretation(interpretation, scan),
        "ablation": ablation and collect_ablation(ablation, scan),
        "attribution": leaderboard and collect_attribution(leaderboard, scan),
    }


def section_figures(numbers: dict[str, Any]) -> dict[str, str]:
    """Draw the figures of every section; one that would be empty is left out."""
    figures: dict[str, str] = {}
    if numbers["interpretation"]:
        figures |= _of_interpretation(numbers["interpretation"])
    if numbers["ablation"] and shown(numbers["ablation"]):
        figures["ablation"] = ablation_figure(numbers["ablation"])
    if numbers["attribution"]:
        figures |= _of_attribution(numbers["attribution"])
    return figures


def _of_interpretation(section: dict[str, Any]) -> dict[str, str]:
    figures = {}
    for place, kind in enumerate(section["kinds"] if section["sites"] else ()):
        figures[f"forest-{place}"] = forest(section, kind, f"forest-{place}")
        if len(common_rows(section, kind["kind"])) >= FEWEST_GROUPS:
            figures[f"common-{place}"] = common(section, kind["kind"], f"common-{place}")
    return figures


def _of_attribution(section: dict[str, Any]) -> dict[str, str]:
    figures = {}
    for subject in section["subjects"]:
        name = subject["id"]
        figures[f"{name}-fidelity"] = fidelity_curves(subject, section["settings"]["measure"])
        figures[f"{name}-disagreement"] = disagreement(subject)
        for place, entry in enumerate(subject["molecules"]):
            figures |= draw_compared(entry, f"{name}-molecule-{place}")
    if any(subject["molecules"] for subject in section["subjects"]):
        figures["compared-legend"] = compared_legend()
    return figures
