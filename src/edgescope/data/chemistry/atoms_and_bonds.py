"""From SMILES to atoms and bonds, with RDKit."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from edgescope.data.chemistry.molecule_dataset import BOND_TYPE_NAMES, edge_type_names
from edgescope.data.chemistry.notation import (
    UnusableError,
    canonical,
    key,
    key_as_written,
    plain,
    unseen,
)
from edgescope.lib.optional import require

FEATURISER_VERSION = 3
"""Raised whenever the same SMILES would give other arrays; results cached before are then stale."""


class AtomsAndBonds(NamedTuple):
    """What RDKit reads in one SMILES.

    Attributes:
        atoms: ``V`` atom keys (see :class:`~edgescope.data.AtomVocabulary`).
        bonds: begin and end atom of each of ``B`` bonds, flattened, ``2 * B`` numbers.
        bond_types: ``B`` edge types.
        smiles: with atoms and bonds in this order; as given, unless hydrogens were taken away.
        unseen: what it says and the graph does not hold, ``"isotopes"`` or ``"stereo marks"``.
    """

    atoms: list[str]
    bonds: list[int]
    bond_types: list[int]
    smiles: str
    unseen: frozenset[str] = frozenset()


class Featuriser:
    """Reads SMILES as graphs, the same graph for every writing of a molecule.

    Stereo marks, isotopes and atom maps are not held, nor are hydrogens that are written as atoms.
    The bond orders of a kekulised molecule are those of its canonical SMILES, since the equivalent
    choices are different graphs.

    Args:
        kekulize: write aromatic rings as alternating single and double bonds. If false, their
            bonds are of type 4, aromatic. The atom keys are those of the kekulised molecule
            either way, so that one vocabulary serves both.
        bondless: read molecules without bonds, such as single ions, rather than refuse them.
        as_written: take hydrogens from the brackets and bond orders from the order of the atoms,
            as the published graphs of ZINC were made; another writing may be another graph then.

    Raises:
        MissingExtraError: if RDKit is not installed.

    Example:
        >>> from edgescope.data.chemistry.atoms_and_bonds import Featuriser
        >>> Featuriser()("[CH3:1][C@H](N)[O][H]").atoms
        ['C', 'C', 'N', 'O']
        >>> Featuriser(as_written=True)("[CH3:1][C@H](N)[O][H]").atoms
        ['C H3', 'C H1', 'N', 'O H1']
    """

    def __init__(
        self, *, kekulize: bool = True, bondless: bool = False, as_written: bool = False
    ) -> None:
        self._chem = require("rdkit.Chem", "chem")
        self._logs = require("rdkit.rdBase", "chem")
        bond = self._chem.BondType
        self._types = {
            getattr(bond, name.upper()): number
            for number, name in enumerate(edge_type_names(kekulize=kekulize))
            if number
        }
        self._kekulize = kekulize
        self._bondless = bondless
        self._as_written = as_written

    def __call__(self, smiles: str) -> AtomsAndBonds:
        """Read one molecule.

        Raises:
            UnusableError: if it does not parse, has no bonds (unless these are wanted), or has a
                bond of another type.
        """
        # RDKit writes its complaints to standard error by itself; here they become reasons.
        with self._logs.BlockLogs():
            molecule = parse_smiles(smiles)
            lost: set[str] = set()
            if not self._as_written:
                lost = unseen(molecule, smiles, stereo=False)
                molecule, smiles = plain(molecule, smiles, stereo=False)
            if molecule.GetNumBonds() == 0 and not self._bondless:
                raise UnusableError(f"no bonds ({molecule.GetNumAtoms()} atoms)")
            # By their numbers, which is several times faster than RDKit's sequences.
            given = [molecule.GetBondWithIdx(n) for n in range(molecule.GetNumBonds())]
            kekulised, place = self._kekulised(molecule, given)
        bonds: list[int] = []
        bond_types: list[int] = []
        orders = [0] * molecule.GetNumAtoms()
        for bond in given:
            begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            order = kind = bond.GetBondType()
            if kekulised is not molecule:
                order = kekulised.GetBondBetweenAtoms(place[begin], place[end]).GetBondType()
                kind = order if self._kekulize else kind
            bond_type = self._types.get(kind)
            if bond_type is None:
                raise UnusableError(
                    f"the bond between atoms {begin} and {end} is {kind.name.lower()}"
                    f", expected {', '.join(BOND_TYPE_NAMES[1:-1])} or {BOND_TYPE_NAMES[-1]}"
                )
            # Single, double and triple bonds are of types 1, 2 and 3.
            orders[begin] += self._types[order]
            orders[end] += self._types[order]
            bonds += (begin, end)
            bond_types.append(bond_type)
        if self._as_written:
            atoms = [key_as_written(kekulised.GetAtomWithIdx(n)) for n in range(len(orders))]
        else:
            atoms = [key(molecule.GetAtomWithIdx(n), total) for n, total in enumerate(orders)]
        return AtomsAndBonds(atoms, bonds, bond_types, smiles, frozenset(lost))

    def _kekulised(self, molecule: Any, bonds: Sequence[Any]) -> tuple[Any, Sequence[int]]:  # noqa: ANN401  (RDKit)
        """Return the molecule with alternating bonds, and where its atoms stand there."""
        if not any(bond.GetIsAromatic() for bond in bonds):
            return molecule, range(molecule.GetNumAtoms())
        if not self._as_written:
            return canonical(molecule, kekulised=True)
        again = self._chem.Mol(molecule)
        try:
            self._chem.Kekulize(again, clearAromaticFlags=True)
        except self._chem.KekulizeException as error:
            raise UnusableError(f"cannot be kekulised: {_reason(str(error))}") from error
        return again, range(molecule.GetNumAtoms())


def parse_smiles(smiles: str) -> Any:  # noqa: ANN401  (RDKit publishes no usable types)
    """Read SMILES as RDKit's molecule.

    Raises:
        UnusableError: if it does not parse.
    """
    if smiles.split() != [smiles]:  # RDKit would read up to the first space
        raise UnusableError("does not parse: expected one SMILES without spaces")
    # RDKit before 2026 cannot hand its messages over; the reason is then less precise.
    logs = require("rdkit.rdBase", "chem")
    with getattr(logs, "CaptureErrorLog", logs.BlockLogs)() as capture:
        molecule = require("rdkit.Chem", "chem").MolFromSmiles(smiles)
    if molecule is None:
        raise UnusableError(f"does not parse: {_reason(getattr(capture, 'messages', ''))}")
    return molecule


def _reason(log: str) -> str:
    """Make one phrase of RDKit's log: what is wrong and, for a syntax error, where."""
    first = log.partition("\n")[0]
    what = re.sub(r"^(\[[\d:]+\] )?(SMILES Parse Error: )?", "", first)
    what = re.split(r" while parsing: | for input: ", what)[0]
    what = " ".join(what.split())
    where = re.search(r"around position (\d+)", log)
    return (what or "not valid SMILES") + (f" around position {where[1]}" if where else "")
