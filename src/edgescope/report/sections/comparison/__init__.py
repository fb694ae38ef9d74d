"""Two scans side by side: before and after a remedy, two seeds, or two models."""

from typing import Any

from edgescope.report.beside import Beside
from edgescope.report.section_protocol import Material, Need, Section
from edgescope.report.section_registry import section
from edgescope.report.sections.comparison.figures import PANELS, paired_maxima
from edgescope.report.sections.comparison.numbers import collect_comparison


@section
class ComparisonSection(Section):
    """The reported scan beside another one."""

    name, title, place = "comparison", "Two scans side by side", 50
    needs = (Need("beside", Beside, None, call="es.report.Beside"),)

    def absence(self, material: Material) -> str:
        """Say that there is one scan."""
        return "" if "beside" in material.results else "no other scan was given beside this one"

    def numbers(self, material: Material) -> dict[str, Any]:
        """Put the two beside each other, site by site."""
        return collect_comparison(material.results["beside"], material.scan, material.numbers)

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Draw the sorted maxima of the sites that both have."""
        own = numbers["comparison"]
        drawn = any(each["own"]["ratio"] or each["other"]["ratio"] for each in own["maxima"])
        return {"paired-maxima": paired_maxima(own)} if drawn else {}

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:  # noqa: ARG002  (the base's)
        """Return how to read them."""
        return {
            "paired-maxima": (
                "Each panel is a site that both scans have, in the order of their largest ratios "
                f"and {PANELS} at most; the graphs are sorted by their largest ratio, of either "
                "scan by itself. Where the orange line runs above the blue one, the same share of "
                "the graphs reaches higher ratios in the second scan."
            )
        }
