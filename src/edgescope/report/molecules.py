"""Molecules drawn by RDKit, with the colour of a bond telling how massive it is."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from edgescope.lib.optional import require
from edgescope.report.axes import BLUE, colour_bar, colours, ratio_tick
from edgescope.report.drawing import figure, inline, render
from edgescope.report.formats import kind_of_edge, number, titled
from edgescope.report.gallery import parse

SIZE = (340, 240)
"""Width and height of a drawing, in its own units."""

SHADES = 0.12, 0.78
"""Part of the colour map that is used: pale enough for the black bond on top to be seen."""


MEASURES = {"ratio": "largest ratio on the bond", "excess": "times over the site's threshold"}
"""What the colour of a bond may tell."""


def draw_molecules(gallery: list[dict[str, Any]], measure: str = "ratio") -> list[str]:
    """Draw every molecule of the gallery as SVG; the two atoms of its top bond are numbered.

    Args:
        gallery: the molecules.
        measure: what colours tell, a key of ``MEASURES``.
    """
    scale = _range(gallery, measure)
    return [_draw(entry, place, measure, scale) for place, entry in enumerate(gallery)]


def legend(gallery: list[dict[str, Any]], measure: str = "ratio") -> str:
    """Draw which colour means what."""
    low, high = _range(gallery, measure)
    drawn = figure(4.2, 0.66, margins=(0.3, 0.3, 0.42, 0.05))
    axes = drawn.subplots()
    start, end = math.log10(low), math.log10(high)
    colour_bar(axes, start, end, upright=False, part=SHADES)
    # The ends, and the powers of ten that keep clear of them.
    inner = range(math.ceil(start + 0.25), math.floor(end - 0.25) + 1)
    axes.set_xticks([start, *inner, end], [number(low), *map(_power, inner), number(high)])
    axes.set_xlabel(f"{MEASURES[measure]}, logarithmic")
    return render(drawn, "gallery-legend", f"Colours of the bonds by the {MEASURES[measure]}")


def _power(exponent: int) -> str:
    return ratio_tick(10.0**exponent)


def _range(gallery: list[dict[str, Any]], measure: str) -> tuple[float, float]:
    sizes = [bond[measure] for entry in gallery for bond in entry["bonds"]]
    low, high = min(sizes), max(sizes)
    return low, max(high, 1.01 * low)


def _draw(entry: dict[str, Any], place: int, measure: str, scale: tuple[float, float]) -> str:
    ends = (entry["source"], entry["target"])
    title = (
        f"{titled(entry)}, with its most massive {kind_of_edge(entry['edge_type'])} between "
        f"atoms {ends[0]} and {ends[1]} (ratio {number(entry['ratio'])})"
    )
    low, high = scale
    shades = {
        bond["bond"]: shade(math.log(bond[measure] / low) / math.log(high / low))
        for bond in entry["bonds"]
    }
    notes = {atom: str(atom) for atom in ends}
    name = f"molecule-{place}"
    return draw_bonds(entry["smiles"], entry["graph"], shades, name, title, atom_notes=notes)


def draw_bonds(
    smiles: str,
    graph: int,
    shades: Mapping[int, tuple[float, float, float]],
    name: str,
    title: str,
    *,
    atom_notes: Mapping[int, str] = MappingProxyType({}),
    bond_notes: Mapping[int, str] = MappingProxyType({}),
    note_size: float = 0.75,
    size: tuple[int, int] = SIZE,
) -> str:
    """Draw a molecule with some of its bonds coloured.

    Args:
        smiles: the molecule.
        graph: which graph it is, for messages.
        shades: red, green and blue of bonds, by their number.
        name: prefix of the drawing's ids.
        title: what it shows, for those who cannot see it.
        atom_notes: what stands beside atoms, by their number.
        bond_notes: what stands beside bonds.
        note_size: size of notes, as part of the size of letters.
        size: width and height, in its own units.
    """
    draw = require("rdkit.Chem.Draw.rdMolDraw2D", "chem")
    molecule = parse(smiles, graph)
    for atom, note in atom_notes.items():
        molecule.GetAtomWithIdx(atom).SetProp("atomNote", note)
    for bond, note in bond_notes.items():
        molecule.GetBondWithIdx(bond).SetProp("bondNote", note)
    drawer = draw.MolDraw2DSVG(*size)
    options = drawer.drawOptions()
    options.useBWAtomPalette()  # colour is for the bonds alone
    options.clearBackground = False
    options.highlightBondWidthMultiplier = 14
    options.annotationFontScale = note_size
    options.setAtomNoteColour(rgb(BLUE))
    options.setBondNoteColour(rgb(BLUE))
    options.bondLineWidth = 1.6
    options.padding = 0.06
    # Hydrogens that RDKit would add for its drawing are no atoms of the graph.
    prepared = draw.PrepareMolForDrawing(molecule, kekulize=True, addChiralHs=False)
    drawer.DrawMolecule(
        prepared,
        highlightAtoms=[],
        highlightBonds=list(shades),
        highlightBondColors=dict(shades),
    )
    drawer.FinishDrawing()
    return inline(drawer.GetDrawingText(), name, title)


def rgb(colour: str) -> tuple[float, float, float]:
    """Return red, green and blue of a colour such as ``"#0072B2"``."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def shade(share: float) -> tuple[float, float, float]:
    """Return red, green and blue of a share, from the palest colour at 0 to the darkest at 1."""
    palest, darkest = SHADES
    red, green, blue, _ = colours()(palest + (darkest - palest) * share)
    return red, green, blue
