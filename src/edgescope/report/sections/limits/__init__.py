"""What was not found, what could not be computed, and what the numbers do not show."""

from edgescope.report.section_protocol import Material, Section
from edgescope.report.section_registry import section
from edgescope.report.sections.limits.numbers import not_found


@section
class Limits(Section):
    """The limits of what the page says."""

    name, title, place = "not-found", "What was not found", 1100

    def numbers(self, material: Material) -> list[dict[str, str]]:
        """List them."""
        return not_found(material.numbers)
