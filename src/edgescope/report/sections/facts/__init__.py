"""What was scanned: the model, the data, the criterion, and what is known of the training run."""

from edgescope.report.base import Section
from edgescope.report.registry import section


@section
class Facts(Section):
    """What was scanned."""

    name, title, place = "scanned", "What was scanned", 100
    key = None
