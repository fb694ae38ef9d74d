"""Nine features of an atom and three of a bond, as the Open Graph Benchmark defines them.

Every feature is the position of a value in a list that is written out below; a value that is not
in it has the last position, "other". The lists and their order are those of ``ogb.utils.features``
(Hu et al., "Open Graph Benchmark", arXiv 2005.00687, repository snap-stanford/ogb, MIT licence), so
graphs are column for column those of ``ogbg-moltox21``; where the values come from is RDKit:

* ``element``: ``Atom.GetAtomicNum``, 1 to 118.
* ``chirality``: ``Atom.GetChiralTag``.
* ``degree``: ``Atom.GetTotalDegree``, hydrogens counted, 0 to 10.
* ``charge``: ``Atom.GetFormalCharge``, -5 to 5.
* ``hydrogens``: ``Atom.GetTotalNumHs``, 0 to 8.
* ``radical electrons``: ``Atom.GetNumRadicalElectrons``, 0 to 4.
* ``hybridisation``: ``Atom.GetHybridization``; S and UNSPECIFIED are "other".
* ``aromatic``, ``in a ring``: ``Atom.GetIsAromatic``, ``Atom.IsInRing``.
* ``bond type``: ``Bond.GetBondType``; dative and the like are "other".
* ``stereo``: ``Bond.GetStereo``, which has no "other" in OGB's list.
* ``conjugated``: ``Bond.GetIsConjugated``.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from edgescope.data.chemistry.atoms_and_bonds import parse_smiles
from edgescope.data.chemistry.notation import UnusableError, canonical, plain, unseen
from edgescope.lib.optional import require

_CHIRALITIES = (
    "CHI_UNSPECIFIED",
    "CHI_TETRAHEDRAL_CW",
    "CHI_TETRAHEDRAL_CCW",
    "CHI_OTHER",
    "other",
)
_HYBRIDISATIONS = ("SP", "SP2", "SP3", "SP3D", "SP3D2", "other")
_BOND_TYPES = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC", "other")
_STEREO = ("STEREONONE", "STEREOZ", "STEREOE", "STEREOCIS", "STEREOTRANS", "STEREOANY")

ELEMENTS = 118
"""Elements that have a number of their own."""

NODE_COLUMNS = {
    "element": ELEMENTS + 1,
    "chirality": len(_CHIRALITIES),
    "degree": 12,
    "charge": 12,
    "hydrogens": 10,
    "radical electrons": 6,
    "hybridisation": len(_HYBRIDISATIONS),
    "aromatic": 2,
    "in a ring": 2,
}
"""Features of an atom and how many values each has."""

EDGE_COLUMNS = {"bond type": len(_BOND_TYPES), "stereo": len(_STEREO), "conjugated": 2}
"""Features of a bond and how many values each has."""

EDGE_TYPE_NAMES = tuple(name.lower() for name in _BOND_TYPES)
"""Names of the values of the first feature of a bond, which is its type."""


class Columns(NamedTuple):
    """The features of one molecule, row after row.

    Attributes:
        atoms: ``9 * V`` numbers.
        bonds: begin and end atom of each of ``B`` bonds, ``2 * B`` numbers.
        bond_types: ``3 * B`` numbers.
        smiles: with atoms and bonds in this order; as given, unless hydrogens were taken away.
        unseen: what it says and the graph does not hold, ``"isotopes"``.
    """

    atoms: list[int]
    bonds: list[int]
    bond_types: list[int]
    smiles: str
    unseen: frozenset[str] = frozenset()


class OgbFeaturiser:
    """Reads SMILES as graphs with several features per atom and bond.

    Features are those of the canonical SMILES, stereo marks included, so that they do not depend
    on the writing; isotopes and atom maps are not held.

    Args:
        as_written: take them from the SMILES as it stands, as OGB does: clockwise and
            anticlockwise then depend on the order of the atoms.

    Raises:
        MissingExtraError: if RDKit is not installed.
    """

    def __init__(self, *, as_written: bool = False) -> None:
        self._logs = require("rdkit.rdBase", "chem")
        self._as_written = as_written

    def __call__(self, smiles: str) -> Columns:
        """Read one molecule, aromatic rings as such.

        Raises:
            UnusableError: if it does not parse, or a bond has a stereo label without a number.
        """
        lost: set[str] = set()
        with self._logs.BlockLogs():
            molecule = source = parse_smiles(smiles)
            place: Sequence[int] = range(molecule.GetNumAtoms())
            if not self._as_written:
                lost = unseen(molecule, smiles, stereo=True)
                molecule, smiles = plain(molecule, smiles, stereo=True)
                source, place = canonical(molecule)
        atoms: list[int] = []
        for position in place:
            atoms += _atom(source.GetAtomWithIdx(position))
        bonds: list[int] = []
        bond_types: list[int] = []
        for bond in molecule.GetBonds():
            begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            bonds += (begin, end)
            bond_types += _bond(source.GetBondBetweenAtoms(place[begin], place[end]))
        return Columns(atoms, bonds, bond_types, smiles, frozenset(lost))


def element_names() -> tuple[str, ...]:
    """Return what the values of the first feature of an atom stand for."""
    table = require("rdkit.Chem", "chem").GetPeriodicTable()
    return (*(table.GetElementSymbol(number + 1) for number in range(ELEMENTS)), "other")


def _atom(atom: Any) -> tuple[int, ...]:  # noqa: ANN401  (RDKit publishes no usable types)
    return (
        _ranged(atom.GetAtomicNum(), 1, ELEMENTS),
        _listed(atom.GetChiralTag().name, _CHIRALITIES),
        _ranged(atom.GetTotalDegree(), 0, 10),
        _ranged(atom.GetFormalCharge(), -5, 5),
        _ranged(atom.GetTotalNumHs(), 0, 8),
        _ranged(atom.GetNumRadicalElectrons(), 0, 4),
        _listed(atom.GetHybridization().name, _HYBRIDISATIONS),
        int(atom.GetIsAromatic()),
        int(atom.IsInRing()),
    )


def _bond(bond: Any) -> tuple[int, ...]:  # noqa: ANN401  (as above)
    stereo = bond.GetStereo().name
    if stereo not in _STEREO:
        ends = f"{bond.GetBeginAtomIdx()} and {bond.GetEndAtomIdx()}"
        raise UnusableError(
            f"the bond between atoms {ends} has the stereo label {stereo}, expected one of "
            f"{', '.join(_STEREO)}"
        )
    kind = _listed(bond.GetBondType().name, _BOND_TYPES)
    return kind, _STEREO.index(stereo), int(bond.GetIsConjugated())


def _ranged(value: int, first: int, last: int) -> int:
    """Return the position of ``value`` in ``first, ..., last, other``."""
    return value - first if first <= value <= last else last - first + 1


def _listed(value: str, values: Sequence[str]) -> int:
    return values.index(value) if value in values else len(values) - 1
