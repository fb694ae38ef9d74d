"""What massive activations sit on."""

from typing import Any

from edgescope.interpret import ANY, Interpretation
from edgescope.interpret.commonness import FEWEST_GROUPS
from edgescope.report.section_protocol import Material, Need, Section
from edgescope.report.section_registry import section
from edgescope.report.sections.interpretation.figures import common, common_rows, forest
from edgescope.report.sections.interpretation.numbers import collect_interpretation


@section
class InterpretationSection(Section):
    """Prevalence by group, beside how common and how important a group is."""

    name, title, place = "interpretation", "What massive activations sit on", 600
    needs = (
        Need(
            "interpretation",
            Interpretation,
            Interpretation.load,
            call="es.interpret.interpret",
            command="interpret",
            stored="interpret",
        ),
    )

    def numbers(self, material: Material) -> dict[str, Any]:
        """Gather the numbers of the interpretation."""
        return collect_interpretation(material.results["interpretation"], material.scan)

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Draw every kind of group."""
        own = numbers["interpretation"]
        drawn = {}
        for place, kind in enumerate(own["kinds"] if own["sites"] else ()):
            drawn[f"forest-{place}"] = forest(own, kind, f"forest-{place}")
            if len(common_rows(own, kind["kind"])) >= FEWEST_GROUPS:
                drawn[f"common-{place}"] = common(own, kind["kind"], f"common-{place}")
        return drawn

    def context(self, numbers: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002  (the base's)
        """Name the union of all sites."""
        return {"any_site": ANY}

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:  # noqa: ARG002  (as above)
        """Return how to read the figures."""
        return {
            "forest": (
                "Each mark is the share of a group's directed edges that are massive, and the line "
                "its 95 % interval from resampled graphs; a share of none or all has no interval. "
                "Orange marks are groups on which massive edges lie more or less often than on "
                "alike edges of the same graphs, by a permutation test that holds degrees fixed, "
                "so they need not be those farthest from the dashed line, which is all edges "
                "together."
            ),
            "common": (
                "Each dot is a group: how common it is, how much predictions depend on its edges, "
                "and how often they are massive. Rank correlations are Spearman's over the groups, "
                "with 95 % intervals from resampled graphs; few groups make them uncertain."
            ),
        }
