"""Molecules drawn by RDKit, with the colour of a bond telling how massive it is."""

import math
from typing import Any

from edgescope._optional import require
from edgescope.report.axes import BLUE, colour_bar, colours, ratio_tick
from edgescope.report.drawing import figure, inline, render
from edgescope.report.formats import kind_of_edge, number
from edgescope.report.gallery import parse

SIZE = (340, 240)
"""Width and height of a drawing, in its own units."""

_PALEST, _DARKEST = 0.12, 0.78
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
    colour_bar(axes, start, end, upright=False, part=(_PALEST, _DARKEST))
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
    draw = require("rdkit.Chem.Draw.rdMolDraw2D", "chem")
    molecule = parse(entry["smiles"], entry["graph"])
    for atom in (entry["source"], entry["target"]):
        molecule.GetAtomWithIdx(atom).SetProp("atomNote", str(atom))
    drawer = draw.MolDraw2DSVG(*SIZE)
    options = drawer.drawOptions()
    options.useBWAtomPalette()  # colour is for the ratio alone
    options.clearBackground = False
    options.highlightBondWidthMultiplier = 14
    options.annotationFontScale = 0.75
    options.setAtomNoteColour(tuple(int(BLUE[at : at + 2], 16) / 255 for at in (1, 3, 5)))
    options.bondLineWidth = 1.6
    options.padding = 0.06
    shades = {bond["bond"]: _shade(bond[measure], *scale) for bond in entry["bonds"]}
    # Hydrogens that RDKit would add for its drawing are no atoms of the graph.
    prepared = draw.PrepareMolForDrawing(molecule, kekulize=True, addChiralHs=False)
    drawer.DrawMolecule(
        prepared,
        highlightAtoms=[],
        highlightBonds=list(shades),
        highlightBondColors=shades,
    )
    drawer.FinishDrawing()
    title = (
        f"{entry['smiles']}, with its most massive {kind_of_edge(entry['edge_type'])} between "
        f"atoms {entry['source']} and {entry['target']} (ratio {number(entry['ratio'])})"
    )
    return inline(drawer.GetDrawingText(), f"molecule-{place}", title)


def _shade(size: float, low: float, high: float) -> tuple[float, float, float]:
    """Return red, green and blue, on a logarithmic scale from ``low`` to ``high``."""
    share = math.log(size / low) / math.log(high / low)
    red, green, blue, _ = colours()(_PALEST + (_DARKEST - _PALEST) * share)
    return red, green, blue
