"""What was scanned: the model, the data, the criterion, and what is known of the training run."""

from typing import Any

from edgescope.report.scanned_model import Scanned
from edgescope.report.section_protocol import Material, Need, Section
from edgescope.report.section_registry import section

STAGES = {
    "score": "what a layer makes of a bond and its two atoms, in several numbers per head, before "
    "it decides how much the one atom listens to the other",
    "logit": "the one number per head that a score comes to; the larger, the more the one atom "
    "listens to the other",
    "weight": "the share of its attention that an atom gives to one neighbour",
    "message": "what an atom gets from one neighbour",
    "state": "what a layer holds of an atom",
}
"""What the last part of a site's name says, for a chemist: an edge is a bond in one direction."""


@section
class Facts(Section):
    """What was scanned."""

    name, title, place = "scanned", "What was scanned", 100
    key = "data"
    uses = (Need("scanned", Scanned, None, call="es.report.Scanned"),)

    def numbers(self, material: Material) -> dict[str, Any] | None:
        """Return the targets, and what of the data was left out, if the graphs are known.

        Raises:
            InputError: if they, or the model, are not those of the scan.
        """
        scanned: Scanned | None = material.results.get("scanned")
        if scanned is None:
            return None
        scanned.check(material.scan)
        return scanned.facts()

    def context(self, numbers: dict[str, Any]) -> dict[str, Any]:
        """Return what the stages of the sites are."""
        there = {site["site"].rpartition(":")[2].partition(" ")[0] for site in numbers["sites"]}
        molecules = numbers["scanned"]["molecules"]
        return {
            "stages": {
                name: words if molecules else _without_atoms(words)
                for name, words in STAGES.items()
                if name in there
            }
        }


def _without_atoms(words: str) -> str:
    """Say the same of graphs that are no molecules."""
    for atom, node in (("an atom", "a node"), ("atom", "node"), ("a bond", "an edge")):
        words = words.replace(atom, node)
    return words
