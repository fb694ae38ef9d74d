"""Molecules as graphs: one, its atom and bond types, and many in a few flat tensors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl
import torch
from torch import Tensor

from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError

if TYPE_CHECKING:
    from torch_geometric.data import Data

BOND_TYPE_NAMES = ("none", "single", "double", "triple")
"""Name of every edge type of a kekulised molecule; type 0 marks a pair without a bond."""

AROMATIC = "aromatic"
"""Name of edge type 4, which exists only where molecules are not kekulised."""


def edge_type_names(*, kekulize: bool) -> tuple[str, ...]:
    """Name the edge types that a data set can hold; the position is the type."""
    return BOND_TYPE_NAMES if kekulize else (*BOND_TYPE_NAMES, AROMATIC)


class AtomVocabulary(tuple[str, ...]):
    """A tuple of atom keys; the position of a key is its atom type.

    A key is the element's symbol, the number of hydrogens where it does not follow from the bonds,
    the formal charge and the number of unpaired electrons, if any: ``"C"``, ``"N H2 +"``,
    ``"O -"``, ``"Mg +2"``, ``"C H2 rad1"``. In ZINC's published vocabulary the hydrogens are those
    written in the brackets of its files, as in ``"C H1"``, a carbon with a stereo mark. Being a
    tuple, it can be compared, and written as JSON; from the list in the JSON file
    ``AtomVocabulary(keys)`` makes it again.

    Args:
        keys: atom keys in the order of their types.

    Raises:
        InputError: if the same key is listed more than once, so that its type is ambiguous.

    Example:
        >>> from edgescope.data import AtomVocabulary
        >>> vocabulary = AtomVocabulary(["C", "N", "O -"])
        >>> vocabulary.index("O -"), len(vocabulary)
        (2, 3)
    """

    __slots__ = ()

    def __new__(cls, keys: Iterable[str] = ()) -> Self:
        """Check that no key stands twice."""
        vocabulary = super().__new__(cls, keys)
        for key in set(vocabulary):
            if vocabulary.count(key) > 1:
                raise InputError(
                    f"atom key {key!r} occurs {vocabulary.count(key)} times in the vocabulary, "
                    "expected once; remove the others"
                )
        return vocabulary

    @classmethod
    def most_frequent(cls, counts: Mapping[str, int]) -> Self:
        """Order keys by how often they occur, the most frequent first, ties by their text."""
        return cls(sorted(counts, key=lambda key: (-counts[key], key)))

    def encode(self, keys: Iterable[str]) -> Tensor:
        """Look up the types of atoms.

        Args:
            keys: one key per atom, ``V`` of them.

        Returns:
            ``[V]`` int64.

        Raises:
            InputError: if a key is not in the vocabulary; the message lists those that are.
        """
        types = {key: position for position, key in enumerate(self)}
        try:
            return torch.tensor([types[key] for key in keys], dtype=torch.long)
        except KeyError as error:
            raise InputError(
                f"atom {error.args[0]!r} is not among the {len(self)} atom types known here: "
                f"{', '.join(map(repr, self))}"
            ) from None


ZINC_VOCABULARY = AtomVocabulary(
    (
        *("C", "O", "N", "F", "C H1", "S", "Cl", "O -", "N H1 +", "Br", "N H3 +", "N H2 +"),
        *("N +", "N -", "S -", "I", "P", "O H1 +", "N H1 -", "O +", "S +", "P H1", "P H2"),
        *("C H2 -", "P +", "S H1 +", "C H1 -", "P H1 +"),
    )
)
"""The 28 atom types of ZINC-12k in the order of the published benchmark.

Source: the authors of the benchmark, https://github.com/graphdeeplearning/benchmarking-gnns,
issue 42.

Example:
    >>> import edgescope as es
    >>> len(es.data.ZINC_VOCABULARY), es.data.ZINC_VOCABULARY.index("C H1")
    (28, 4)
"""


REJECTED_SCHEMA = {"row": pl.Int64, "smiles": pl.String, "reason": pl.String}
"""Columns of the table of rows that could not be used."""

LOST_LABELS = {"row": pl.Int64, "column": pl.String, "cell": pl.String, "reason": pl.String}
"""Columns of the table of cells that give no label to a molecule that is used all the same."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MoleculeDataset(GraphDataset):
    """Molecules laid end to end; ``dataset[i]`` is a :class:`~edgescope.data.Molecule`.

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

    pairs: ClassVar[bool] = True

    @property
    def graph_class(self) -> "type[Data]":
        """What a single graph is."""
        from edgescope.data.chemistry.molecule import Molecule

        return Molecule

    @property
    def places(self) -> Tensor:
        """Position of every molecule's row in the table, from 0, ``[N]``."""
        return self.row - self.first_row

    def table_smiles(self, rows: int) -> tuple[list[str | None], np.ndarray]:
        """Return the SMILES of all ``R`` rows of the table, and which gave a molecule ``[R]``."""
        texts: list[str | None] = [None] * rows
        usable = np.zeros(rows, dtype=bool)
        for row, smiles in self.rejected.select("row", "smiles").iter_rows():
            texts[row - self.first_row] = smiles
        for place, smiles in zip(self.places.tolist(), self.smiles, strict=True):
            texts[place], usable[place] = smiles, True
        return texts, usable

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
