"""One molecule, one graph: what a SMILES says of the molecule, apart from how it is written.

Two writings of a molecule may differ in the order of the atoms, in brackets, in the choice of the
double bonds of aromatic rings, in hydrogens written as atoms, in atom maps. None of these is a
property of the molecule, so no atom type and no bond type may depend on it.
"""

import json
import re
from functools import cache
from typing import Any, NamedTuple

from edgescope.lib.optional import require


class UnusableError(ValueError):
    """A molecule that cannot become a graph with edges; the message is the reason."""


class Canonical(NamedTuple):
    """A molecule in RDKit's canonical writing, and where its atoms stand there.

    Attributes:
        molecule: what the canonical SMILES is read as.
        place: position there of every atom of the molecule as it was given.
    """

    molecule: Any
    place: list[int]


ORGANIC = ("B", "C", "N", "O", "P", "S", "F", "Cl", "Br", "I")
"""Elements that SMILES writes without brackets (Weininger, J. Chem. Inf. Comput. Sci. 28 (1988)
31)."""


_STEREO = re.compile(r"[@/\\]")
"""Marks of chirality and of double bonds."""

_OTHERS = re.compile(r":|\[\d|\[H")
"""Colons of atom maps, isotopes, and hydrogens that are atoms."""


def _says_more(smiles: str, *, stereo: bool) -> bool:
    """Return whether a SMILES may hold something that :func:`plain` takes away.

    Example:
        >>> [_says_more(each, stereo=False) for each in ("C[C@H](N)O", "[13CH4]", "c1cc[nH]c1")]
        [True, True, False]
    """
    return bool(_OTHERS.search(smiles) or (not stereo and _STEREO.search(smiles)))


def plain(molecule: Any, smiles: str, *, stereo: bool) -> tuple[Any, str]:  # noqa: ANN401  (RDKit)
    """Return a molecule without what no graph here holds, and a SMILES with its atoms' order.

    Atom maps and isotopes are taken away, then hydrogens that stood as atoms only because of these
    or of a stereo mark.

    Args:
        molecule: as read from ``smiles``.
        smiles: returned as it is unless atoms are taken away; then the canonical one.
        stereo: whether marks of chirality and of double bonds stay.

    Raises:
        UnusableError: if RDKit cannot read what it writes of the molecule.
    """
    if not _says_more(smiles, stereo=stereo):
        return molecule, smiles
    chem = require("rdkit.Chem", "chem")
    stripped = chem.Mol(molecule)
    if not stereo:
        chem.RemoveStereochemistry(stripped)
    if not _OTHERS.search(smiles):
        return stripped, smiles
    for atom in stripped.GetAtoms():
        atom.SetIsotope(0)
        atom.SetAtomMapNum(0)
    stripped = chem.RemoveHs(stripped)
    if stripped.GetNumAtoms() == molecule.GetNumAtoms():
        return stripped, smiles
    text = chem.MolToSmiles(stripped)
    return _read(text), text


def canonical(molecule: Any, *, kekulised: bool = False) -> Canonical:  # noqa: ANN401  (RDKit publishes no usable types)
    """Return a molecule as its canonical SMILES is read, which is the same for every writing.

    Args:
        molecule: the molecule.
        kekulised: read no more than its bonds, those of aromatic rings alternating.

    Raises:
        UnusableError: if RDKit cannot read what it writes of the molecule.
    """
    chem = require("rdkit.Chem", "chem")
    text = chem.MolToSmiles(molecule)
    order = json.loads(molecule.GetProp(_ORDER).replace(",]", "]"))
    again = _read_bonds(text) if kekulised else _read(text)
    if again.GetNumAtoms() != len(order):
        raise UnusableError(f"its canonical SMILES {text} has another number of atoms")
    place = [0] * len(order)
    for position, atom in enumerate(order):
        place[atom] = position
    return Canonical(again, place)


def key_as_written(atom: Any) -> str:  # noqa: ANN401  (RDKit publishes no usable types)
    """Return an atom's type with the hydrogens that its brackets hold, as ZINC's was published."""
    return _key(atom.GetSymbol(), atom.GetNumExplicitHs(), atom.GetFormalCharge())


def key(atom: Any, bond_orders: float) -> str:  # noqa: ANN401  (RDKit publishes no usable types)
    """Return an atom's type, which depends on the molecule alone.

    Hydrogens are told where they do not follow from the bonds: on an atom with a charge or with
    unpaired electrons, on one of an element that SMILES always writes in brackets, and on one with
    another valence than the element's lowest. These are the atoms that RDKit writes in brackets if
    stereo marks, isotopes and maps are left out, but for neighbours of metals; so the types are
    those of ZINC's vocabulary for molecules written without stereo marks.

    Args:
        atom: of a molecule without hydrogens as atoms.
        bond_orders: sum of the orders of its bonds, in the kekulised molecule.
    """
    return _telling(
        atom.GetSymbol(),
        atom.GetTotalNumHs(),
        atom.GetFormalCharge(),
        atom.GetNumRadicalElectrons(),
        bond_orders,
    )


@cache
def _telling(symbol: str, hydrogens: int, charge: int, radicals: int, bond_orders: float) -> str:
    """Return the type of an atom; a molecule has few different ones."""
    valence = require("rdkit.Chem", "chem").GetPeriodicTable().GetDefaultValence(symbol)
    usual = symbol in ORGANIC and not charge and not radicals and bond_orders + hydrogens == valence
    return _key(symbol, 0 if usual else hydrogens, charge) + (f" rad{radicals}" if radicals else "")


def unseen(molecule: Any, smiles: str, *, stereo: bool) -> set[str]:  # noqa: ANN401  (RDKit)
    """Name what a SMILES says and the graph does not hold: ``"isotopes"``, ``"stereo marks"``.

    Args:
        molecule: as read from ``smiles``.
        smiles: what is not in it need not be looked for.
        stereo: whether the graph holds stereo marks.
    """
    if not _says_more(smiles, stereo=stereo):
        return set()
    chem = require("rdkit.Chem", "chem")
    unspecified = chem.ChiralType.CHI_UNSPECIFIED
    without = (chem.BondStereo.STEREONONE, chem.BondStereo.STEREOANY)
    # By their numbers, which is several times faster than RDKit's sequences.
    atoms = [molecule.GetAtomWithIdx(n) for n in range(molecule.GetNumAtoms())]
    bonds = (molecule.GetBondWithIdx(n) for n in range(molecule.GetNumBonds()))
    found = set()
    if any(atom.GetIsotope() for atom in atoms):
        found.add("isotopes")
    if not stereo and (
        any(atom.GetChiralTag() != unspecified for atom in atoms)
        or any(bond.GetStereo() not in without for bond in bonds)
    ):
        found.add("stereo marks")
    return found


_ORDER = "_smilesAtomOutputOrder"


@cache
def _key(symbol: str, hydrogens: int, charge: int) -> str:
    parts = [symbol]
    if hydrogens:
        parts.append(f"H{hydrogens}")
    if charge:
        size = "" if abs(charge) == 1 else str(abs(charge))
        parts.append(("+" if charge > 0 else "-") + size)
    return " ".join(parts)


def _read(text: str) -> Any:  # noqa: ANN401  (as above)
    molecule = require("rdkit.Chem", "chem").MolFromSmiles(text)
    if molecule is None:
        raise UnusableError(f"RDKit cannot read its own canonical SMILES {text}")
    return molecule


def _read_bonds(text: str) -> Any:  # noqa: ANN401  (as above)
    """Read no more than kekulised bonds take: neither stereo nor conjugation."""
    chem = require("rdkit.Chem", "chem")
    molecule = chem.MolFromSmiles(text, sanitize=False)
    try:
        chem.SanitizeMol(molecule, _steps())
        chem.Kekulize(molecule, clearAromaticFlags=True)
    except (AttributeError, chem.MolSanitizeException) as error:
        raise UnusableError(f"RDKit cannot read its own canonical SMILES {text}") from error
    return molecule


@cache
def _steps() -> int:
    """Return the steps of RDKit's reading that say which bonds are aromatic."""
    every = require("rdkit.Chem", "chem").SanitizeFlags
    names = ("CLEANUP", "PROPERTIES", "SYMMRINGS", "KEKULIZE", "SETAROMATICITY", "ADJUSTHS")
    return sum(int(getattr(every, f"SANITIZE_{name}")) for name in names)
