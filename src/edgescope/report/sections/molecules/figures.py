"""Molecules with the colour of a bond telling how massive it is."""

from typing import Any

from edgescope.plots.formats import kind_of_edge, number, with_article
from edgescope.plots.massive_colours import MEASURES, Scale, colour_of, scale_legend, scale_of
from edgescope.plots.molecules import draw_bonds
from edgescope.report.names import titled


def draw_molecules(gallery: list[dict[str, Any]], measure: str = "ratio") -> list[str]:
    """Draw every molecule of the gallery as SVG; the two atoms of its top bond are numbered.

    Args:
        gallery: the molecules.
        measure: what colours tell, a key of ``MEASURES``.
    """
    scale = _scale(gallery, measure)
    return [_draw(entry, place, measure, scale) for place, entry in enumerate(gallery)]


def legend(gallery: list[dict[str, Any]], measure: str = "ratio") -> str:
    """Draw which colour means what."""
    label, scale = MEASURES[measure], _scale(gallery, measure)
    return scale_legend(scale, label, "gallery-legend", f"Colours of the bonds by the {label}")


def _scale(gallery: list[dict[str, Any]], measure: str) -> Scale:
    return scale_of([bond[measure] for entry in gallery for bond in entry["bonds"]])


def _draw(entry: dict[str, Any], place: int, measure: str, scale: Scale) -> str:
    ends = (entry["source"], entry["target"])
    title = (
        f"{titled(entry)}, with its most massive bond, "
        f"{with_article(kind_of_edge(entry['edge_type'], aromatic=entry['aromatic']))}, between "
        f"atoms {ends[0]} and {ends[1]} (ratio {number(entry['ratio'])})"
    )
    shades = {bond["bond"]: colour_of(bond[measure], scale) for bond in entry["bonds"]}
    notes = {atom: str(atom) for atom in ends}
    name = f"molecule-{place}"
    return draw_bonds(entry["smiles"], shades, name, title, atom_notes=notes)
