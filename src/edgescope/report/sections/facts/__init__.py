"""What was scanned: the model, the data, the criterion, and what is known of the training run."""

from edgescope.report.section_protocol import Section
from edgescope.report.section_registry import section


@section
class Facts(Section):
    """What was scanned."""

    name, title, place = "scanned", "What was scanned", 100
    key = None
