"""Molecules drawn by RDKit, some of their bonds coloured."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from edgescope.lib.errors import InputError
from edgescope.lib.optional import require
from edgescope.plots.axes import BLUE, colours
from edgescope.plots.svg import inline

SIZE = (340, 240)
"""Width and height of a drawing, in its own units."""

SMALLEST = 11
"""Size of the smallest letters, in units of the drawing, however far a molecule reaches."""

LEGIBLE = 36
"""Atoms that such a drawing has room for."""

SHADES = 0.12, 0.78
"""Part of the colour map that is used: pale enough for the black bond on top to be seen."""


def parse(smiles: str, where: str) -> Any:  # noqa: ANN401  (RDKit publishes no usable types)
    """Read a SMILES; its atoms and bonds are numbered as the graph's nodes and pairs of edges.

    Args:
        smiles: the SMILES.
        where: what messages call the graph, such as ``"graph 12 (TOX3021)"``.

    Raises:
        InputError: if it does not parse.
        MissingExtraError: if RDKit is not installed.
    """
    chem, logs = require("rdkit.Chem", "chem"), require("rdkit.rdBase", "chem")
    with logs.BlockLogs():
        molecule = chem.MolFromSmiles(smiles)
    if molecule is None:
        raise InputError(
            f"the SMILES of {where} does not parse ({smiles!r}), so its bonds cannot be drawn; "
            "correct it or scan graphs without smiles"
        )
    return molecule


def bond_of(molecule: Any, source: int, target: int, where: str) -> int:  # noqa: ANN401
    """Return the bond between two atoms, whatever order the graph's edges are in.

    Args:
        molecule: the molecule as RDKit parsed it.
        source: node that the edge starts from.
        target: node that it ends at.
        where: what to call the graph if it does not fit.

    Raises:
        InputError: if there are no such atoms, or no bond between them.
    """
    atoms = molecule.GetNumAtoms()
    bond = None
    if max(source, target) < atoms:
        bond = molecule.GetBondBetweenAtoms(source, target)
    if bond is None:
        raise InputError(
            f"{where} has an edge from node {source} to node {target}, expected a bond between "
            f"these of its {atoms} atoms; number the nodes as RDKit numbers the atoms of the "
            "SMILES, or scan graphs without smiles"
        )
    index: int = bond.GetIdx()
    return index


def is_aromatic(molecule: Any, bond: int) -> bool:  # noqa: ANN401  (as above)
    """Say whether a bond is aromatic, whatever its type in a graph is called."""
    return bool(molecule.GetBondWithIdx(bond).GetIsAromatic())


def draw_bonds(
    smiles: str,
    shades: Mapping[int, tuple[float, float, float]],
    name: str,
    title: str,
    *,
    atom_shades: Mapping[int, tuple[float, float, float]] = MappingProxyType({}),
    atom_notes: Mapping[int, str] = MappingProxyType({}),
    bond_notes: Mapping[int, str] = MappingProxyType({}),
    note_size: float = 0.75,
    size: tuple[int, int] = SIZE,
) -> str:
    """Draw a molecule with some of its bonds, or atoms, coloured.

    Args:
        smiles: the molecule.
        shades: red, green and blue of bonds, by their number.
        name: prefix of the drawing's ids.
        title: what it shows, for those who cannot see it.
        atom_shades: red, green and blue of atoms, likewise.
        atom_notes: what stands beside atoms, by their number.
        bond_notes: what stands beside bonds.
        note_size: size of notes, as part of the size of letters.
        size: width and height, in its own units, of a molecule of up to ``LEGIBLE`` atoms; a larger
            one gets more of both, so that its letters stay as large as theirs.
    """
    draw = require("rdkit.Chem.Draw.rdMolDraw2D", "chem")
    molecule = parse(smiles, title)
    for atom, note in atom_notes.items():
        molecule.GetAtomWithIdx(atom).SetProp("atomNote", note)
    for bond, note in bond_notes.items():
        molecule.GetBondWithIdx(bond).SetProp("bondNote", note)
    larger = math.sqrt(max(1.0, molecule.GetNumAtoms() / LEGIBLE))
    drawer = draw.MolDraw2DSVG(*(round(larger * side) for side in size))
    options = drawer.drawOptions()
    options.useBWAtomPalette()  # colour is for the bonds alone
    options.clearBackground = False
    options.highlightBondWidthMultiplier = 14
    options.annotationFontScale = note_size
    options.setAtomNoteColour(rgb(BLUE))
    options.setBondNoteColour(rgb(BLUE))
    options.bondLineWidth = 1.6
    options.padding = 0.06
    options.minFontSize = SMALLEST
    # Hydrogens that RDKit would add for its drawing are no atoms of the graph.
    prepared = draw.PrepareMolForDrawing(molecule, kekulize=True, addChiralHs=False)
    drawer.DrawMolecule(
        prepared,
        highlightAtoms=list(atom_shades),
        highlightAtomColors=dict(atom_shades),
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


def flat_molecule(smiles: str, where: str) -> dict[str, list[list[Any]]]:
    """Lay out a molecule for a drawing elsewhere; atoms and bonds are numbered as RDKit does.

    Args:
        smiles: the molecule.
        where: what messages call it.

    Returns:
        ``nodes``: name of the atom, x, y (growing downwards, a bond is about 1.5 long) and what
        stands there, empty for carbon; and ``links``: both atoms of the bond, its order in a
        Kekulé structure, and whether it is in a ring and aromatic, as 0 or 1.
    """
    chem = require("rdkit.Chem", "chem")
    depict = require("rdkit.Chem.rdDepictor", "chem")
    molecule = parse(smiles, where)
    aromatic = [bond.GetIsAromatic() for bond in molecule.GetBonds()]
    depict.Compute2DCoords(molecule)
    chem.Kekulize(molecule, clearAromaticFlags=True)
    places = molecule.GetConformer().GetPositions()
    return {
        "nodes": [
            [str(atom.GetIdx()), round(float(x), 2), round(-float(y), 2), _atom_text(atom)]
            for atom, (x, y, _) in zip(molecule.GetAtoms(), places, strict=True)
        ],
        "links": [
            [
                *(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), int(bond.GetBondTypeAsDouble())),
                *(int(bond.IsInRing()), int(aromatic[place])),
            ]
            for place, bond in enumerate(molecule.GetBonds())
        ],
    }


def _atom_text(atom: Any) -> str:  # noqa: ANN401  (RDKit publishes no usable types)
    """Write an atom with its hydrogens and charge; carbon is written where nothing else is."""
    hydrogens, charge, element = atom.GetTotalNumHs(), atom.GetFormalCharge(), atom.GetSymbol()
    if element == "C" and not charge and atom.GetDegree():
        return ""
    size = str(abs(charge)) if abs(charge) > 1 else ""
    ending = size + ("+" if charge > 0 else "\N{MINUS SIGN}") if charge else ""
    count = str(hydrogens).translate(_LOWERED) if hydrogens > 1 else ""
    return f"{element}{'H' * bool(hydrogens)}{count}{ending.translate(_RAISED)}"


_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_RAISED = str.maketrans("0123456789+\N{MINUS SIGN}", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
