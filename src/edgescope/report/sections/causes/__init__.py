"""Which parameters make massive activations, and whether they are a bias or a signal."""

from typing import Any

from edgescope.intervene import Causes, Constancy
from edgescope.report.section_protocol import Material, Need, Section
from edgescope.report.section_registry import section
from edgescope.report.sections.causes.figures import path_figure, units_figure
from edgescope.report.sections.causes.numbers import collect_causes


@section
class CausesSection(Section):
    """The smallest sets of tensors, the path through the sites, and what a constant costs."""

    name, title, place = "causes", "Which parameters make them", 740
    needs = (
        Need("causes", Causes, Causes.load, call="es.causes", command="causes", stored="causes"),
    )
    uses = (
        Need(
            "constancy",
            Constancy,
            Constancy.load,
            call="es.intervene.constancy or edgescope causes --constancy",
            stored="constancy",
        ),
    )

    def numbers(self, material: Material) -> dict[str, Any]:
        """Gather the numbers of both results."""
        results = material.results
        return collect_causes(results["causes"], results.get("constancy"), material.scan)

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Draw the path, if something was patched, and what single units do."""
        own = numbers["causes"]
        drawn = {"causes-units": units_figure(own)} if own["units"] else {}
        if own["path"]["patched"] and own["path"]["sites"]:
            drawn["causes-path"] = path_figure(own)
        return drawn

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:  # noqa: ARG002  (the base's)
        """Return how to read each figure."""
        return {
            "causes-units": (
                "Blue is which share of the massive edges goes away when this alone is put back to "
                "what it was before training; orange is which share this alone makes in the "
                "untrained model. Lines are 95 % intervals over graphs; what does neither stands "
                "at zero."
            ),
            "causes-path": (
                "In each row the values of one site were replaced by those of the untrained model; "
                "the number is which share of the massive edges is then left at the site below. "
                "Where it falls at later sites, theirs follow from the values of that row."
            ),
        }
