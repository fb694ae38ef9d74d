"""From a table to its molecules, and to the three parts of a data set."""

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import polars as pl
import torch
from torch import Tensor

from edgescope.data.chemistry.atoms_and_bonds import Featuriser
from edgescope.data.chemistry.molecule_dataset import (
    REJECTED_SCHEMA,
    AtomVocabulary,
    MoleculeDataset,
    edge_type_names,
)
from edgescope.data.chemistry.notation import UnusableError
from edgescope.data.chemistry.ogb_features import (
    EDGE_COLUMNS,
    EDGE_TYPE_NAMES,
    NODE_COLUMNS,
    Columns,
    OgbFeaturiser,
    element_names,
)
from edgescope.data.molecule_tables.molecule_table import (
    Table,
    TableSource,
    frame_source,
    table_source,
)
from edgescope.data.molecule_tables.split_choice import SplitOption, computed_parts, read_split
from edgescope.data.molecule_tables.table_grids import Frame
from edgescope.data.splits import PARTS, Splits, divide
from edgescope.lib.errors import InputError
from edgescope.lib.progress import track

Features = Literal["types", "ogb"]
"""One type per atom and bond, or several features of each."""

FEATURES: tuple[str, ...] = get_args(Features)
"""Every :data:`Features`."""

FRAME = "table"
"""Name of the data of a data frame, which has none of its own."""


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


class Reading(NamedTuple):
    """How SMILES become graphs.

    Attributes:
        features: ``"types"``, one type per atom and bond; ``"ogb"``, the columns of
            :mod:`~edgescope.data.chemistry.ogb_features`.
        kekulize: whether aromatic rings become alternating single and double bonds; features of
            the second kind leave them aromatic.
        bondless: whether molecules without bonds are read rather than refused; features of the
            second kind always read them, as OGB does.
        as_written: whether the graph may depend on how the SMILES is written, as it does in the
            published files of ZINC and OGB.
    """

    features: Features = "types"
    kekulize: bool = True
    bondless: bool = False
    as_written: bool = False


def parse(table: Table, name: str, reading: Reading, *, progress: bool) -> ParsedTable:
    """Read every row; those that cannot be used are listed with the reason.

    Args:
        table: the columns that matter.
        name: what messages call the table.
        reading: how SMILES become graphs.
        progress: whether to show a bar.

    Raises:
        InputError: if no row can be used.
    """
    columns = reading.features == "ogb"
    featurise: Featuriser | OgbFeaturiser
    if columns:
        featurise = OgbFeaturiser(as_written=reading.as_written)
    else:
        featurise = Featuriser(
            kekulize=reading.kekulize, bondless=reading.bondless, as_written=reading.as_written
        )
    width = len(NODE_COLUMNS) if columns else 1
    types: dict[str, int] = {}
    x, bonds, bond_types = array("i"), array("i"), array("B")
    node_ptr, bond_ptr, rows = array("q", [0]), array("q", [0]), array("q")
    usable: list[str] = []
    rejected: list[tuple[int, str | None, str]] = []
    unseen: Counter[str] = Counter()
    described = track(table.smiles, f"reading molecules of {name}", len(table.smiles), progress)
    for row, smiles in enumerate(described):
        try:
            if smiles is None:
                raise UnusableError("no SMILES in this row")  # noqa: TRY301  (one way out)
            if row in table.problems:
                raise UnusableError(table.problems[row])  # noqa: TRY301
            molecule = featurise(smiles)
        except UnusableError as reason:
            rejected.append((row + table.first_row, smiles, str(reason)))
            continue
        if isinstance(molecule, Columns):
            x.extend(molecule.atoms)
        else:
            x.extend(types.setdefault(atom, len(types)) for atom in molecule.atoms)
        bonds.extend(molecule.bonds)
        bond_types.extend(molecule.bond_types)
        node_ptr.append(len(x) // width)
        bond_ptr.append(len(bonds) // 2)
        rows.append(row)
        usable.append(molecule.smiles)
        unseen.update(molecule.unseen)
    if not usable:
        raise InputError(_nothing(name, rejected))

    row_numbers = torch.tensor(rows, dtype=torch.long)
    pairs = torch.tensor(bonds, dtype=torch.long).view(-1, 2)
    atoms = torch.tensor(x, dtype=torch.long)
    kinds = torch.tensor(bond_types, dtype=torch.long)
    names = edge_type_names(kekulize=reading.kekulize)
    if columns:
        atoms, kinds = atoms.view(-1, width), kinds.view(-1, len(EDGE_COLUMNS))
        names = EDGE_TYPE_NAMES
    molecules = MoleculeDataset(
        node_ptr=torch.tensor(node_ptr, dtype=torch.long),
        edge_ptr=2 * torch.tensor(bond_ptr, dtype=torch.long),
        x=atoms,
        # Edge 2b runs from the begin atom of bond b to its end atom, edge 2b + 1 back.
        edge_index=torch.stack([pairs.flatten(), pairs.flip(1).flatten()]),
        edge_attr=kinds.repeat_interleave(2, dim=0),
        y=torch.from_numpy(table.y)[row_numbers],
        row=row_numbers + table.first_row,
        first_row=table.first_row,
        smiles=usable,
        vocabulary=AtomVocabulary(element_names() if columns else tuple(types)),
        edge_type_names=names,
        target_names=table.target_names,
        name=name,
        node_columns=NODE_COLUMNS if columns else {},
        edge_columns=EDGE_COLUMNS if columns else {},
        rejected=pl.DataFrame(rejected, schema=REJECTED_SCHEMA, orient="row"),
        lost_labels=table.lost_labels.filter(~pl.col("row").is_in([row for row, _, _ in rejected])),
        identifiers={
            column: [cells[row] for row in rows] for column, cells in table.identifiers.items()
        },
        target_units=table.target_units,
        notes=(*table.notes, *_notes(unseen, reading)),
    )
    return ParsedTable(molecules, torch.from_numpy(table.part))


def find_table(
    source: str | Path | Frame,
    base: Path | None,
    asked: tuple[str, str | Sequence[str] | None, SplitOption],
    options: Mapping[str, Any],
) -> tuple[TableSource, str]:
    """Return a table, in a file or in memory, and the name of its data.

    Args:
        source: a path or a data frame.
        base: the folder that a path is relative to.
        asked: ``smiles_column``, ``target_columns`` and ``split`` of :func:`edgescope.data.load`.
        options: its ``id_columns`` and ``decimal``.
    """
    smiles_column, given, split = asked
    targets = [given] if isinstance(given, str) else list(given or ())
    columns = (smiles_column, targets, split if isinstance(split, str) else None)
    if not isinstance(source, str | Path):
        return frame_source(source, *columns, **options), FRAME
    path = Path(source) if base is None else base / source
    name = (path.with_suffix("") if path.suffix == ".gz" else path).stem
    return table_source(path, *columns, **options), name


def divided_table(
    table: TableSource,
    name: str,
    split: SplitOption,
    seed: int,
    read: Callable[[TableSource], ParsedTable],
) -> Splits:
    """Read the molecules of a table and divide them.

    Args:
        table: the table.
        name: of its data.
        split: as for :func:`edgescope.data.load`.
        seed: start of a random split.
        read: reads the molecules.

    Raises:
        InputError: if the table cannot be read or divided, or a column leaves a part empty.
    """
    asked = read_split(split)
    parsed = read(table)
    part, told = parsed.part.numpy(), f"column {asked.word}"
    if asked.column is None:
        part, told = computed_parts(asked, parsed.molecules, len(part), seed)
    splits = divide(replace(parsed.molecules, split=told), part, name)
    if asked.column is not None and not all(len(molecules) for molecules in splits):
        found = ", ".join(f"{each} {len(part)}" for each, part in zip(PARTS, splits, strict=True))
        raise InputError(
            f"column {asked.column!r} of {table.name} leaves a part without a usable molecule "
            f"({found}); expected at least one in each of train, val and test"
        )
    return splits


def _notes(unseen: Mapping[str, int], reading: Reading) -> list[str]:
    """Say of how many molecules the graph holds less than the SMILES tells."""
    return [
        f"{count} {'molecule has' if count == 1 else 'molecules have'} {what}, which "
        f"features={reading.features!r} do not see: molecules that differ in nothing else are the "
        "same graph"
        for what, count in sorted(unseen.items())
    ]


def _nothing(name: str, rejected: list[tuple[int, str | None, str]]) -> str:
    if not rejected:
        return f"{name} has no rows, expected at least one molecule with a bond"
    row, smiles, reason = rejected[0]
    return (
        f"none of the {len(rejected)} rows of {name} can be used (row {row}, {smiles or 'empty'}: "
        f"{reason}); expected SMILES of molecules with bonds; check that the columns are right"
    )
