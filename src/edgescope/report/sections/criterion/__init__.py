"""What a criterion of several bounds asks at every site, and the evidence of calibrated ones."""

from edgescope.report.section_protocol import Material, Section
from edgescope.report.section_registry import section


@section
class CriterionSection(Section):
    """What is called massive."""

    name, title, place = "criterion", "What is called massive", 300
    key = None

    def absence(self, material: Material) -> str:
        """Say that one bound needs no explanation."""
        if material.numbers["scanned"]["plain"]:
            return "one bound is all that the criterion asks for, which the other tables show"
        return ""
