"""Many molecules in a few flat tensors."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import polars as pl
import torch
from torch import Tensor
from torch_geometric.data import Data

from edgescope.data.graphs import GraphDataset
from edgescope.data.molecule import Molecule
from edgescope.data.vocabulary import AtomVocabulary
from edgescope.lib.errors import InputError

REJECTED_SCHEMA = {"row": pl.Int64, "smiles": pl.String, "reason": pl.String}
"""Columns of the table of rows that could not be used."""

LOST_LABELS = {"row": pl.Int64, "column": pl.String, "cell": pl.String, "reason": pl.String}
"""Columns of the table of cells that give no label to a molecule that is used all the same."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MoleculeDataset(GraphDataset):
    """Molecules laid end to end; ``dataset[i]`` is a :class:`Molecule`.

    Nodes are atoms, and every bond is two directed edges. The other attributes are those of
    :class:`~edgescope.data.graphs.GraphDataset`.

    Attributes:
        row: ``[N]`` int64, row of the table that the molecule was read from, as the user sees it:
            the first has the number ``first_row``.
        smiles: ``N`` SMILES, whose atoms and bonds are numbered as the nodes and edges.
        rejected: rows of the table that could not be used: ``row``, ``smiles``, ``reason``.
        lost_labels: cells that give no label to a molecule that is used all the same: ``row``,
            ``column``, ``cell``, ``reason``.
        target_units: unit of every target, empty where its column names none; or none at all.
        notes: in a sentence each, what was read in another way than it stands in the table, and
            what its SMILES say that the graphs do not hold.
        first_row: number of the table's first row: 2 in a file with a header, as a spreadsheet
            counts; 0 in a data frame.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test
        >>> molecules[[0, 1]].smiles == molecules.smiles[:2]
        True
    """

    row: Tensor
    smiles: list[str]
    rejected: pl.DataFrame
    vocabulary: AtomVocabulary
    lost_labels: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LOST_LABELS))
    target_units: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    first_row: int = 0

    graph_class: ClassVar[type[Data]] = Molecule
    pairs: ClassVar[bool] = True

    def per_graph(self, chosen: Tensor) -> dict[str, Any]:
        """Return what single molecules carry beside atoms and bonds, of the chosen ones."""
        return {
            **super().per_graph(chosen),
            "smiles": [self.smiles[i] for i in chosen.tolist()],
            "row": self.row[chosen],
        }

    def with_vocabulary(self, vocabulary: AtomVocabulary) -> "MoleculeDataset":
        """Write the atom types in another vocabulary.

        Raises:
            InputError: if an atom is not in it; the message names the atom and its molecule. Or if
                atoms have several features, whose values are fixed.
        """
        if self.node_columns:
            if vocabulary == self.vocabulary:
                return self
            raise InputError(
                f"{self.name} has {len(self.node_columns)} features per atom, whose values are "
                f"fixed, received a vocabulary of {len(vocabulary)} atom types; leave vocabulary "
                "out, or load with features='types'"
            )
        present = torch.bincount(self.x, minlength=len(self.vocabulary)) > 0
        types = torch.zeros(len(self.vocabulary), dtype=torch.long)
        for old in present.nonzero().flatten().tolist():
            try:
                types[old] = vocabulary.encode([self.vocabulary[old]])
            except InputError as error:
                atom = int((self.x == old).nonzero()[0])
                molecule = int(torch.searchsorted(self.node_ptr, atom, right=True)) - 1
                raise InputError(
                    f"{self.name}, row {int(self.row[molecule])}, {self.smiles[molecule]}: {error};"
                    " leave the molecule out or use another vocabulary"
                ) from None
        return replace(self, x=types[self.x], vocabulary=vocabulary)

    def without_unknown(self, vocabulary: AtomVocabulary) -> "MoleculeDataset":
        """Leave out molecules with an atom type outside ``vocabulary``, and list them as rejected.

        The types are not renumbered; :meth:`with_vocabulary` does that.
        """
        if self.node_columns:
            return self
        known = set(vocabulary)
        unknown = torch.tensor([key not in known for key in self.vocabulary])
        atoms = unknown[self.x].nonzero().flatten()
        if not len(atoms):
            return self
        of_atom = torch.searchsorted(self.node_ptr, atoms, right=True) - 1
        found: dict[int, set[str]] = {}
        for molecule, kind in zip(of_atom.tolist(), self.x[atoms].tolist(), strict=True):
            found.setdefault(molecule, set()).add(self.vocabulary[kind])
        rows = [
            (int(self.row[molecule]), self.smiles[molecule], _unknown(sorted(keys), vocabulary))
            for molecule, keys in found.items()
        ]
        lost = pl.DataFrame(rows, schema=REJECTED_SCHEMA, orient="row")
        kept = torch.ones(len(self), dtype=torch.bool)
        kept[list(found)] = False
        rejected = pl.concat([self.rejected, lost]).sort("row", maintain_order=True)
        labels = self.lost_labels.filter(~pl.col("row").is_in(lost["row"].implode()))
        return replace(self.subset(kept), rejected=rejected, lost_labels=labels)

    def atom_counts(self) -> dict[str, int]:
        """Count the atoms of every type that occurs."""
        counts = torch.bincount(self.node_types, minlength=len(self.vocabulary)).tolist()
        return {key: count for key, count in zip(self.vocabulary, counts, strict=True) if count}

    def summary(self) -> dict[str, int | float]:
        """Count molecules, rejected rows, atoms, directed edges of each bond type, and sizes.

        The smallest, largest and mean size are NaN for a data set without molecules.
        """
        counts = {
            name.replace("graphs", "molecules").replace("nodes", "atoms"): count
            for name, count in super().summary().items()
        }
        return {"molecules": counts.pop("molecules"), "rejected": self.rejected.height, **counts}


def _unknown(keys: list[str], vocabulary: AtomVocabulary) -> str:
    """Say which atom types are unknown, and which are known, the first few of them."""
    known = ", ".join(vocabulary[:_NAMED])
    more = f" and {len(vocabulary) - _NAMED} more" if len(vocabulary) > _NAMED else ""
    what = "atom type" if len(keys) == 1 else "atom types"
    named = ", ".join(map(repr, keys))
    return f"{what} {named} not among the {len(vocabulary)} known here: {known}{more}"


_NAMED = 8
"""Known atom types that a reason names."""
