"""Many molecules in a few flat tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.utils.data import Dataset

from edgescope.data.batching import joined, ragged
from edgescope.data.molecule import Molecule
from edgescope.data.vocabulary import AtomVocabulary
from edgescope.errors import InputError

REJECTED_SCHEMA = {"row": pl.Int64, "smiles": pl.String, "reason": pl.String}
"""Columns of the table of rows that could not be used."""


@dataclass(frozen=True, eq=False, repr=False)
class MoleculeDataset(Dataset[Molecule]):
    """Molecules laid end to end: ``V`` atoms and ``E`` directed edges of ``N`` molecules in all.

    ``dataset[i]`` is a :class:`Molecule`; ``dataset[10:20]``, ``dataset[[4, 2]]`` and
    ``dataset[dataset.row < 100]`` are data sets. Nothing is kept per edge but numbers, so a data
    set is cheap to cut.

    Attributes:
        atom_ptr: ``[N + 1]`` int64, molecule ``i`` has the atoms ``atom_ptr[i]:atom_ptr[i + 1]``.
        edge_ptr: ``[N + 1]`` int64, the same for its edges.
        x: ``[V]`` int64, atom types.
        edge_index: ``[2, E]`` int64, source and target, counted from the molecule's first atom.
        edge_attr: ``[E]`` int64, bond types.
        y: ``[N, T]`` float32, targets, NaN where one is missing.
        row: ``[N]`` int64, row of the table that the molecule was read from, from 0.
        smiles: ``N`` SMILES.
        vocabulary: what the atom types mean.
        edge_type_names: what the bond types mean; the position is the type, 0 is no bond.
        target_names: ``T`` names of columns.
        name: where the molecules come from, such as ``"zinc12k/test"``.
        rejected: rows of the table that could not be used: ``row``, ``smiles``, ``reason``.
    """

    atom_ptr: Tensor
    edge_ptr: Tensor
    x: Tensor
    edge_index: Tensor
    edge_attr: Tensor
    y: Tensor
    row: Tensor
    smiles: list[str]
    vocabulary: AtomVocabulary
    edge_type_names: tuple[str, ...]
    target_names: tuple[str, ...]
    name: str
    rejected: pl.DataFrame

    def __len__(self) -> int:
        """Count the molecules."""
        return len(self.smiles)

    def __repr__(self) -> str:
        """Say what the data set is and how large."""
        return (
            f"MoleculeDataset({self.name}: {len(self):,} molecules, {self.x.numel():,} atoms, "
            f"{self.edge_attr.numel():,} directed edges)"
        )

    @overload
    def __getitem__(self, index: int) -> Molecule: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | Tensor) -> "MoleculeDataset": ...
    def __getitem__(
        self, index: int | slice | Sequence[int] | Tensor
    ) -> "Molecule | MoleculeDataset":
        """Take one molecule, or several as a data set.

        Args:
            index: a position, a slice, a list of positions, or a tensor of positions or of truth
                values; negative positions count from the end.

        Raises:
            IndexError: if a position lies outside the data set.
        """
        if isinstance(index, int | np.integer):
            return self._molecule(int(self.positions([int(index)])))
        return self.subset(index)

    def _molecule(self, index: int) -> Molecule:
        atoms = slice(int(self.atom_ptr[index]), int(self.atom_ptr[index + 1]))
        edges = slice(int(self.edge_ptr[index]), int(self.edge_ptr[index + 1]))
        return Molecule(
            x=self.x[atoms],
            edge_index=self.edge_index[:, edges],
            edge_attr=self.edge_attr[edges],
            reverse_edge=torch.arange(edges.stop - edges.start) ^ 1,
            y=self.y[index : index + 1],
            smiles=self.smiles[index],
            row=int(self.row[index]),
            graph=index,
        )

    def positions(self, index: slice | Sequence[int] | Tensor) -> Tensor:
        """Turn any way of naming several molecules into their positions, ``[G]`` int64.

        Raises:
            IndexError: if a position lies outside the data set.
        """
        if isinstance(index, slice):
            return torch.arange(len(self))[index]
        index = torch.as_tensor(index)
        if index.dtype == torch.bool:
            if index.shape != (len(self),):
                raise IndexError(
                    f"received a mask of shape {tuple(index.shape)}, expected one truth value for "
                    f"each of {len(self)} molecules"
                )
            return index.nonzero().flatten()
        if index.is_floating_point() and index.numel():
            raise IndexError(f"received positions of type {index.dtype}, expected whole numbers")
        index = index.long().flatten()
        outside = (index < -len(self)) | (index >= len(self))
        if outside.any():
            raise IndexError(
                f"position {int(index[outside][0])} lies outside the {len(self)} molecules of "
                f"{self.name}"
            )
        return torch.where(index < 0, index + len(self), index)

    def subset(self, index: slice | Sequence[int] | Tensor) -> "MoleculeDataset":
        """Take several molecules, in the order given; the table of rejected rows stays whole."""
        chosen = self.positions(index)
        atoms, atom_ptr = ragged(self.atom_ptr, chosen)
        edges, edge_ptr = ragged(self.edge_ptr, chosen)
        return replace(
            self,
            atom_ptr=atom_ptr,
            edge_ptr=edge_ptr,
            x=self.x[atoms],
            edge_index=self.edge_index[:, edges],
            edge_attr=self.edge_attr[edges],
            y=self.y[chosen],
            row=self.row[chosen],
            smiles=[self.smiles[i] for i in chosen.tolist()],
        )

    def batch(self, index: slice | Sequence[int] | Tensor) -> Any:  # noqa: ANN401  (a PyG Batch)
        """Join several molecules as ``Batch.from_data_list`` would, but at once.

        Returns:
            A ``torch_geometric.data.Batch`` of :class:`Molecule`; ``graph`` ``[G]`` holds the
            positions given in ``index``.
        """
        return joined(self, self.positions(index))

    def with_vocabulary(self, vocabulary: AtomVocabulary) -> "MoleculeDataset":
        """Write the atom types in another vocabulary.

        Raises:
            InputError: if an atom is not in it; the message names the atom and its molecule.
        """
        present = torch.bincount(self.x, minlength=len(self.vocabulary)) > 0
        types = torch.zeros(len(self.vocabulary), dtype=torch.long)
        for old in present.nonzero().flatten().tolist():
            try:
                types[old] = vocabulary.encode([self.vocabulary[old]])
            except InputError as error:
                atom = int((self.x == old).nonzero()[0])
                molecule = int(torch.searchsorted(self.atom_ptr, atom, right=True)) - 1
                raise InputError(
                    f"{self.name}, row {int(self.row[molecule])}, {self.smiles[molecule]}: {error};"
                    " leave the molecule out or use another vocabulary"
                ) from None
        return replace(self, x=types[self.x], vocabulary=vocabulary)

    def atom_counts(self) -> dict[str, int]:
        """Count the atoms of every type that occurs."""
        counts = torch.bincount(self.x, minlength=len(self.vocabulary)).tolist()
        return {key: count for key, count in zip(self.vocabulary, counts, strict=True) if count}

    def summary(self) -> dict[str, int | float]:
        """Count molecules, rejected rows, atoms, directed edges of each bond type, and sizes.

        The smallest, largest and mean size are NaN for a data set without molecules.
        """
        bonds = torch.bincount(self.edge_attr, minlength=len(self.edge_type_names)).tolist()
        return {
            "molecules": len(self),
            "rejected": self.rejected.height,
            "atoms": self.x.numel(),
            "directed_edges": self.edge_attr.numel(),
            **dict(zip(self.edge_type_names[1:], bonds[1:], strict=True)),
            **_sizes("atoms", self.atom_ptr),
            **_sizes("edges", self.edge_ptr),
        }


def _sizes(what: str, ptr: Tensor) -> dict[str, float]:
    lengths = ptr.diff()
    if not len(lengths):
        return {f"{measure}_{what}": float("nan") for measure in ("min", "max", "mean")}
    return {
        f"min_{what}": int(lengths.min()),
        f"max_{what}": int(lengths.max()),
        f"mean_{what}": float(lengths.double().mean()),
    }
