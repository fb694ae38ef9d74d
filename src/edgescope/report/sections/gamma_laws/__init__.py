"""The gamma law of every site, as the published study fits it."""

from edgescope.report.section_protocol import Section
from edgescope.report.section_registry import section


@section
class GammaLaws(Section):
    """The parameters of the law, and how far the bulk of a site is from it: after all else."""

    name, title, place = "gamma-laws", "Gamma laws of the sites", 1300
    key = None
