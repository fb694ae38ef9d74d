"""What number formats with fewer bits do to the model."""

from typing import Any

from edgescope.intervene.number_formats.precision_result import Precision
from edgescope.report.section_protocol import Material, Need, Section
from edgescope.report.section_registry import section
from edgescope.report.sections.precision.figures import cost_figure, headroom_figure
from edgescope.report.sections.precision.numbers import collect_precision, drawable

REMEDY_WORDS = {
    "none": "none",
    "clip": "massive values cut down to what the untrained model reaches",
    "mean": "massive values replaced by their mean elsewhere",
    "fold": "scales moved between projections",
}
"""What the remedies of :func:`edgescope.precision` do."""


@section
class PrecisionSection(Section):
    """Headroom per site, first overflow, the metric per format and remedy, the verdicts."""

    name, title, place = "precision", "What lower precision does", 750
    needs = (
        Need(
            "precision",
            Precision,
            Precision.load,
            call="es.precision",
            command="precision",
            stored="precision",
        ),
    )

    def numbers(self, material: Material) -> dict[str, Any]:
        """Gather the numbers of the result."""
        return collect_precision(material.results["precision"], material.scan)

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Draw what formats cost, and how far the sites are from the end of each."""
        own = numbers["precision"]
        drawn = {"precision-cost": cost_figure(own)} if drawable(own) else {}
        if any(row["largest"] for row in own["headroom"]):
            drawn["precision-headroom"] = headroom_figure(own)
        return drawn

    def context(self, numbers: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002  (the base's)
        """Say what remedies do."""
        return {"remedy_words": REMEDY_WORDS}

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Return how to read the figures."""
        info = numbers["precision"]["info"]
        what = (
            "the predictions move on average"
            if info["metric"] is None
            else "the metric changes, graph by graph on the same graphs"
        )
        return {
            "precision-cost": (
                f"A mark is how much {what}, against float32, which is the line at 0; its line is "
                "the 95 % interval. The dashed line is the most that a safe format may lose, "
                f"{100 * info['tolerance']:g} % of what float32 gains over guessing; formats whose "
                "predictions are not finite have no mark, and beyond that line the scale is "
                "logarithmic."
            ),
            "precision-headroom": (
                "A mark is how many bits, or doublings, lie between the largest magnitude of a "
                "site and the largest number of a format. Left of the line the format overflows "
                "at that site."
            ),
        }
