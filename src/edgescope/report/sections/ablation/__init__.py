"""What replacing activations does."""

from typing import Any

from edgescope.intervene import Ablation
from edgescope.plots.forests import SELECTIONS, replaced
from edgescope.report.section_protocol import Material, Need, Section
from edgescope.report.section_registry import section
from edgescope.report.sections.ablation.figures import ablation_figure
from edgescope.report.sections.ablation.numbers import collect_ablation


@section
class AblationSection(Section):
    """The change that replacing activations makes at every site, beside the controls."""

    name, title, place = "ablation", "What replacing activations does", 700
    needs = (
        Need(
            "ablation",
            Ablation,
            Ablation.load,
            call="es.ablate",
            command="ablate",
            stored="ablation",
        ),
    )

    def numbers(self, material: Material) -> dict[str, Any]:
        """Gather the numbers of the ablation."""
        return collect_ablation(material.results["ablation"], material.scan)

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Draw the changes, if anything was replaced."""
        own = numbers["ablation"]
        return {"ablation": ablation_figure(own)} if replaced(own["table"]) else {}

    def context(self, numbers: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002  (the base's)
        """Name what is replaced."""
        return {"selections": SELECTIONS}

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:  # noqa: ARG002  (as above)
        """Return how to read the figure."""
        return {
            "ablation": (
                "Orange is what replacing the chosen activations does, and the other marks what "
                "replacing as many others of the same site does; lines are 95 % intervals from "
                "paired resamples of the graphs. Activations that matter move the orange mark away "
                "from the others, to the side of harm."
            )
        }
