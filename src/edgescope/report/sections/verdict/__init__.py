"""Is it bad, and what should be done: three answers on top of the page, each with its evidence."""

from typing import Any

from edgescope.report.section_protocol import Material, Section
from edgescope.report.section_registry import section
from edgescope.report.sections.verdict.answers import causes, predictions
from edgescope.report.sections.verdict.few_bits import precision


@section
class Verdict(Section):
    """What the scan and the results beside it say, and what measures the rest."""

    name, title, place = "verdict", "Is it bad, and what should I do?", -100

    def numbers(self, material: Material) -> list[dict[str, Any]]:
        """Answer the three questions.

        Returns:
            Per question: the ``question``, the ``answer`` in a few words, the ``tone``
            (``"alarm"``, ``"clear"`` or ``"open"``), the ``text``, the ``sections`` of the page
            with the evidence, and the command or call that would ``measure`` it, if nothing has,
            with a ``note`` about that.
        """
        return [predictions(material), precision(material), causes(material)]

    def context(self, numbers: dict[str, Any]) -> dict[str, Any]:
        """Return the title of every section that is there, by its name."""
        there = (each for each in numbers["contents"] if not each["absent"])
        return {"title_of": {each["name"]: each["title"] for each in there}}
