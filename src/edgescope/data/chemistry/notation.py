"""One molecule, one graph: what a SMILES says of the molecule, apart from how it is written.

Two writings of a molecule may differ in the order of the atoms, in brackets, in the choice of the
double bonds of aromatic rings, in hydrogens written as atoms, in atom maps. None of these is a
property of the molecule, so no atom type and no bond type may depend on it.
"""

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
    chem = require("rdkit.Chem", "chem")
    stripped = chem.Mol(molecule)
    for atom in stripped.GetAtoms():
        atom.SetIsotope(0)
        atom.SetAtomMapNum(0)
    if not stereo:
        chem.RemoveStereochemistry(stripped)
    stripped = chem.RemoveHs(stripped)
    if stripped.GetNumAtoms() == molecule.GetNumAtoms():
        return stripped, smiles
    text = chem.MolToSmiles(stripped)
    return _read(text), text


def canonical(molecule: Any) -> Canonical:  # noqa: ANN401  (RDKit publishes no usable types)
    """Return a molecule as its canonical SMILES is read, which is the same for every writing.

    Raises:
        UnusableError: if RDKit cannot read what it writes of the molecule.
    """
    chem = require("rdkit.Chem", "chem")
    text = chem.MolToSmiles(molecule)
    order = list(molecule.GetPropsAsDict(includePrivate=True, includeComputed=True)[_ORDER])
    again = _read(text)
    if again.GetNumAtoms() != len(order):
        raise UnusableError(f"its canonical SMILES {text} has another number of atoms")
    place = [0] * len(order)
    for position, atom in enumerate(order):
        place[atom] = position
    return Canonical(again, place)


def key_as_written(atom: Any) -> str:  # noqa: ANN401  (RDKit publishes no usable types)
    """Return an atom's type with the hydrogens that its brackets hold, as ZINC's was published."""
    return _key(atom, atom.GetNumExplicitHs())


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
    hydrogens, symbol = atom.GetTotalNumHs(), atom.GetSymbol()
    valence = require("rdkit.Chem", "chem").GetPeriodicTable().GetDefaultValence(symbol)
    usual = (
        symbol in ORGANIC
        and not atom.GetFormalCharge()
        and not atom.GetNumRadicalElectrons()
        and bond_orders + hydrogens == valence
    )
    radicals = atom.GetNumRadicalElectrons()
    return _key(atom, 0 if usual else hydrogens) + (f" rad{radicals}" if radicals else "")


def unseen(molecule: Any, *, stereo: bool) -> set[str]:  # noqa: ANN401  (RDKit)
    """Name what a SMILES says and the graph does not hold: ``"isotopes"``, ``"stereo marks"``.

    Args:
        molecule: as it was read.
        stereo: whether the graph holds stereo marks.
    """
    chem = require("rdkit.Chem", "chem")
    unspecified = chem.ChiralType.CHI_UNSPECIFIED
    without = (chem.BondStereo.STEREONONE, chem.BondStereo.STEREOANY)
    found = set()
    if any(atom.GetIsotope() for atom in molecule.GetAtoms()):
        found.add("isotopes")
    if not stereo and (
        any(atom.GetChiralTag() != unspecified for atom in molecule.GetAtoms())
        or any(bond.GetStereo() not in without for bond in molecule.GetBonds())
    ):
        found.add("stereo marks")
    return found


_ORDER = "_smilesAtomOutputOrder"


def _key(atom: Any, hydrogens: int) -> str:  # noqa: ANN401  (as above)
    parts = [atom.GetSymbol()]
    if hydrogens:
        parts.append(f"H{hydrogens}")
    if charge := atom.GetFormalCharge():
        size = "" if abs(charge) == 1 else str(abs(charge))
        parts.append(("+" if charge > 0 else "-") + size)
    return " ".join(parts)


def _read(text: str) -> Any:  # noqa: ANN401  (as above)
    molecule = require("rdkit.Chem", "chem").MolFromSmiles(text)
    if molecule is None:
        raise UnusableError(f"RDKit cannot read its own canonical SMILES {text}")
    return molecule
