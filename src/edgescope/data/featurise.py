"""From SMILES to atoms and bonds, with RDKit."""

import re
from typing import Any, NamedTuple

from edgescope._optional import require
from edgescope.data.molecule import BOND_TYPE_NAMES, edge_type_names

FEATURISER_VERSION = 2
"""Raised whenever the same SMILES would give other arrays; results cached before are then stale."""


class AtomsAndBonds(NamedTuple):
    """What RDKit reads in one SMILES.

    Attributes:
        atoms: ``V`` atom keys (see :class:`~edgescope.data.AtomVocabulary`).
        bonds: begin and end atom of each of ``B`` bonds, flattened, ``2 * B`` numbers.
        bond_types: ``B`` edge types.
    """

    atoms: list[str]
    bonds: list[int]
    bond_types: list[int]


class UnusableError(ValueError):
    """A molecule that cannot become a graph with edges; the message is the reason."""


class Featuriser:
    """Reads SMILES as graphs.

    The bond orders of a kekulised molecule are RDKit's choice among the equivalent ones; it
    depends on nothing but the SMILES.

    Args:
        kekulize: write aromatic rings as alternating single and double bonds. If false, their
            bonds are of type 4, aromatic. The atom keys are those of the kekulised molecule
            either way, so that one vocabulary serves both.
        bondless: read molecules without bonds, such as single ions, rather than refuse them.

    Raises:
        MissingExtraError: if RDKit is not installed.
    """

    def __init__(self, *, kekulize: bool = True, bondless: bool = False) -> None:
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

    def __call__(self, smiles: str) -> AtomsAndBonds:
        """Read one molecule.

        Raises:
            UnusableError: if it does not parse, has no bonds (unless these are wanted), or has a
                bond of another type.
        """
        # RDKit writes its complaints to standard error by itself; here they become reasons.
        with self._logs.BlockLogs():
            molecule = parse_smiles(smiles)
            kekulised = self._chem.Mol(molecule)
            try:
                self._chem.Kekulize(kekulised, clearAromaticFlags=True)
            except self._chem.KekulizeException as error:
                raise UnusableError(f"cannot be kekulised: {_reason(str(error))}") from error
        source = kekulised if self._kekulize else molecule
        if source.GetNumBonds() == 0 and not self._bondless:
            raise UnusableError(f"no bonds ({source.GetNumAtoms()} atoms)")
        bonds: list[int] = []
        bond_types: list[int] = []
        for bond in source.GetBonds():
            begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            bond_type = self._types.get(bond.GetBondType())
            if bond_type is None:
                raise UnusableError(
                    f"the bond between atoms {begin} and {end} is {bond.GetBondType().name.lower()}"
                    f", expected {', '.join(BOND_TYPE_NAMES[1:-1])} or {BOND_TYPE_NAMES[-1]}"
                )
            bonds += (begin, end)
            bond_types.append(bond_type)
        return AtomsAndBonds([_key(atom) for atom in kekulised.GetAtoms()], bonds, bond_types)


def parse_smiles(smiles: str) -> Any:  # noqa: ANN401  (RDKit publishes no usable types)
    """Read SMILES as RDKit's molecule.

    Raises:
        UnusableError: if it does not parse.
    """
    # RDKit before 2026 cannot hand its messages over; the reason is then less precise.
    logs = require("rdkit.rdBase", "chem")
    with getattr(logs, "CaptureErrorLog", logs.BlockLogs)() as capture:
        molecule = require("rdkit.Chem", "chem").MolFromSmiles(smiles)
    if molecule is None:
        raise UnusableError(f"does not parse: {_reason(getattr(capture, 'messages', ''))}")
    return molecule


def _key(atom: Any) -> str:  # noqa: ANN401  (as above)
    parts = [atom.GetSymbol()]
    if hydrogens := atom.GetNumExplicitHs():
        parts.append(f"H{hydrogens}")
    if charge := atom.GetFormalCharge():
        size = "" if abs(charge) == 1 else str(abs(charge))
        parts.append(("+" if charge > 0 else "-") + size)
    return " ".join(parts)


def _reason(log: str) -> str:
    """Make one phrase of RDKit's log: what is wrong and, for a syntax error, where."""
    first = log.partition("\n")[0]
    what = re.sub(r"^(\[[\d:]+\] )?(SMILES Parse Error: )?", "", first)
    what = re.split(r" while parsing: | for input: ", what)[0]
    what = " ".join(what.split())
    where = re.search(r"around position (\d+)", log)
    return (what or "not valid SMILES") + (f" around position {where[1]}" if where else "")
