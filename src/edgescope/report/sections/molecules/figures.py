"""Molecules with the colour of a bond telling how massive it is."""

import math
from typing import Any

from edgescope.plots.axes import colour_bar, ratio_tick
from edgescope.plots.formats import kind_of_edge, number
from edgescope.plots.molecules import SHADES, draw_bonds, shade
from edgescope.plots.svg import figure, render
from edgescope.report.names import titled

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
    return draw_bonds(entry["smiles"], shades, name, title, atom_notes=notes)
