"""The molecules with the most massive bonds."""

from typing import Any

from edgescope.report.drawn_attention import AttentionMaps
from edgescope.report.section_protocol import Material, Need, Section
from edgescope.report.section_registry import section
from edgescope.report.sections.molecules.figures import draw_molecules, legend
from edgescope.report.sections.molecules.numbers import choose


@section
class Molecules(Section):
    """Graphs with the largest ratios, drawn as molecules."""

    name, title, place = "gallery", "Molecules with the most massive bonds", 500
    uses = (
        Need(
            "attention",
            AttentionMaps,
            AttentionMaps.load,
            call="es.report.attention_maps",
            command="scan",
            stored="attention",
        ),
    )

    def absence(self, material: Material) -> str:
        """Say that atoms are not drawn."""
        return (
            "the scan is of nodes, and drawn are bonds" if material.scan.info.rows == "node" else ""
        )

    def heading(self, material: Material) -> str:
        """Call graphs that are no molecules by their name."""
        return self.title if material.scan.smiles else "Graphs with the most massive edges"

    def numbers(self, material: Material) -> list[dict[str, Any]]:
        """Choose the molecules."""
        return choose(material.scan, material.results.get("scanned"))

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Draw them, and which colour means what."""
        gallery, measure = numbers["gallery"], numbers["scanned"]["measure"]
        if not gallery:
            return {}
        drawn = draw_molecules(gallery, measure)
        molecules = {f"molecule-{place}": drawing for place, drawing in enumerate(drawn)}
        return {"gallery-legend": legend(gallery, measure), **molecules}

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Return how to read them."""
        measure = (
            "larger the ratio"
            if numbers["scanned"]["measure"] == "ratio"
            else "more times over its threshold the ratio or the magnitude"
        )
        return {
            "gallery": (
                "Coloured bonds hold a massive activation at the site named below the molecule, "
                f"the darker the {measure} of the stronger of their two directions. "
                "The small numbers in a drawing mark the two atoms of its most massive bond, and "
                "aromatic rings are drawn with alternating single and double bonds."
            )
        }
