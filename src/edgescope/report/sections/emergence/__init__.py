"""When massive activations appeared in training."""

from typing import Any

from edgescope.report.section_protocol import Material, Need, Section
from edgescope.report.section_registry import section
from edgescope.report.sections.emergence.figures import emergence_figure
from edgescope.report.sections.emergence.numbers import collect_emergence
from edgescope.scanning.monitoring.training_record import TrainingRecord


@section
class Emergence(Section):
    """The largest ratio of every site in the course of training."""

    name, title, place = "emergence", "When massive activations appear", 550
    needs = (
        Need(
            "training",
            TrainingRecord,
            TrainingRecord.load,
            call="es.monitor or edgescope train",
            stored="monitor.parquet",
        ),
    )

    def numbers(self, material: Material) -> dict[str, Any]:
        """Gather the curves, and where they change."""
        return collect_emergence(material.results["training"], material.scan)

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Draw the curves, if a ratio was recorded."""
        own = numbers["emergence"]
        return {"emergence": emergence_figure(own)} if own["sites"] else {}

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:  # noqa: ARG002  (the base's)
        """Return how to read the figure."""
        return {
            "emergence": (
                "Each curve is the largest ratio of a site in one batch after another, darker for "
                "later layers; the dashed line is the threshold. Below, a dot is the step where "
                "the level of a curve changes, with its 95 % interval, and a cross the first "
                "record above the threshold."
            )
        }
