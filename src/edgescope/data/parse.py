"""From a table to its molecules."""

from array import array
from typing import NamedTuple

import polars as pl
import torch
from torch import Tensor

from edgescope._progress import track
from edgescope.data.dataset import REJECTED_SCHEMA, MoleculeDataset
from edgescope.data.featurise import Featuriser, UnusableError
from edgescope.data.molecule import edge_type_names
from edgescope.data.table import Table
from edgescope.data.vocabulary import AtomVocabulary
from edgescope.errors import InputError


class ParsedTable(NamedTuple):
    """The molecules of a table.

    Attributes:
        molecules: the usable ones, in the order of their rows, with a vocabulary of their own in
            order of appearance, and the rejected rows.
        part: ``[R]`` int8, for every row of the table 0 train, 1 val, 2 test, or -1 where the
            table does not say.
    """

    molecules: MoleculeDataset
    part: Tensor


def parse(table: Table, name: str, *, kekulize: bool, progress: bool) -> ParsedTable:
    """Read every row; those that cannot be used are listed with the reason.

    Args:
        table: the columns that matter.
        name: what messages call the table.
        kekulize: whether aromatic rings become alternating single and double bonds.
        progress: whether to show a bar.

    Raises:
        InputError: if no row can be used.
    """
    featurise = Featuriser(kekulize=kekulize)
    types: dict[str, int] = {}
    x, bonds, bond_types = array("i"), array("i"), array("B")
    atom_ptr, bond_ptr, rows = array("q", [0]), array("q", [0]), array("q")
    usable: list[str] = []
    rejected: list[tuple[int, str | None, str]] = []
    described = track(table.smiles, f"reading molecules of {name}", len(table.smiles), progress)
    for row, smiles in enumerate(described):
        try:
            if smiles is None:
                raise UnusableError("no SMILES in this row")  # noqa: TRY301  (one way out)
            if row in table.problems:
                raise UnusableError(table.problems[row])  # noqa: TRY301
            molecule = featurise(smiles)
        except UnusableError as reason:
            rejected.append((row, smiles, str(reason)))
            continue
        x.extend(types.setdefault(atom, len(types)) for atom in molecule.atoms)
        bonds.extend(molecule.bonds)
        bond_types.extend(molecule.bond_types)
        atom_ptr.append(len(x))
        bond_ptr.append(len(bond_types))
        rows.append(row)
        usable.append(smiles)
    if not usable:
        raise InputError(_nothing(name, rejected))

    row_numbers = torch.tensor(rows, dtype=torch.long)
    pairs = torch.tensor(bonds, dtype=torch.long).view(-1, 2)
    molecules = MoleculeDataset(
        atom_ptr=torch.tensor(atom_ptr, dtype=torch.long),
        edge_ptr=2 * torch.tensor(bond_ptr, dtype=torch.long),
        x=torch.tensor(x, dtype=torch.long),
        # Edge 2b runs from the begin atom of bond b to its end atom, edge 2b + 1 back.
        edge_index=torch.stack([pairs.flatten(), pairs.flip(1).flatten()]),
        edge_attr=torch.tensor(bond_types, dtype=torch.long).repeat_interleave(2),
        y=torch.from_numpy(table.y)[row_numbers],
        row=row_numbers,
        smiles=usable,
        vocabulary=AtomVocabulary(tuple(types)),
        edge_type_names=edge_type_names(kekulize=kekulize),
        target_names=table.target_names,
        name=name,
        rejected=pl.DataFrame(rejected, schema=REJECTED_SCHEMA, orient="row"),
    )
    return ParsedTable(molecules, torch.from_numpy(table.part))


def _nothing(name: str, rejected: list[tuple[int, str | None, str]]) -> str:
    if not rejected:
        return f"{name} has no rows, expected at least one molecule with a bond"
    row, smiles, reason = rejected[0]
    return (
        f"none of the {len(rejected)} rows of {name} can be used (row {row}, {smiles or 'empty'}: "
        f"{reason}); expected SMILES of molecules with bonds; check that the columns are right"
    )
