"""What edge importances are worth."""

from typing import Any

from edgescope.attribute import Leaderboard
from edgescope.report.section_protocol import Material, Need, Section
from edgescope.report.section_registry import section
from edgescope.report.sections.attribution.figures import disagreement, fidelity_curves
from edgescope.report.sections.attribution.molecules import compared_legend, draw_compared
from edgescope.report.sections.attribution.numbers import collect_attribution


@section
class Attribution(Section):
    """Methods against truth, their fidelity, how far they agree, and molecules by each."""

    name, title, place = "attribution", "What edge importances are worth", 800
    needs = (
        Need(
            "leaderboard",
            Leaderboard,
            Leaderboard.load,
            call="es.attribute.leaderboard",
            command="explain",
            stored="explain",
        ),
    )

    def numbers(self, material: Material) -> dict[str, Any]:
        """Gather the numbers of the leaderboard."""
        return collect_attribution(material.results["leaderboard"], material.scan)

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Draw the curves, the correlations and the molecules of every subject."""
        own, drawn = numbers["attribution"], {}
        for subject in own["subjects"]:
            name = subject["id"]
            drawn[f"{name}-fidelity"] = fidelity_curves(subject, own["settings"]["measure"])
            drawn[f"{name}-disagreement"] = disagreement(subject)
            for place, entry in enumerate(subject["molecules"]):
                drawn |= draw_compared(entry, f"{name}-molecule-{place}")
        if any(subject["molecules"] for subject in own["subjects"]):
            drawn["compared-legend"] = compared_legend()
        return drawn

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:  # noqa: ARG002  (the base's)
        """Return how to read the figures."""
        return {
            "fidelity": (
                "On the left, good importances move predictions a lot as soon as few bonds are "
                "gone; on the right, they keep predictions as they are until many are gone. A line "
                "near that of random importances says no more than chance."
            ),
            "disagreement": (
                "Each cell is Spearman's rank correlation of two methods' importances of the edges "
                "of a graph, mean over graphs and trainings. 1 means that both rank edges the same "
                "way, 0 that they have nothing in common, -1 that one reverses the other; a dash "
                "that there is none."
            ),
            "compared": (
                "The same molecule once per method, its bonds coloured from the least to the most "
                "important by that method, so colours of different methods are not on one scale; "
                "no colour means that all bonds are alike to it. Blue bonds in the first drawing, "
                "marked by a blue star in the others, are known to matter, and AUROC is how well "
                "the method tells them from the rest of the molecule."
            ),
        }
