"""What is checked: all usable molecules of a table, the parts they are in, what RDKit says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from edgescope.data.checks.facts import Facts
from edgescope.data.checks.finding import SHOWN
from edgescope.data.dataset import MoleculeDataset
from edgescope.data.split import PARTS


@dataclass(frozen=True)
class Subject:
    """A table as its checks see it.

    Attributes:
        name: what messages call the table.
        molecules: the ``N`` usable ones, in the order of their rows.
        smiles: ``N`` texts as they stand in the table.
        facts: what RDKit says of them.
        part: ``[N]`` int8, 0 train, 1 val, 2 test; -1 everywhere if it cannot be divided.
        how: how the parts were made, such as ``"random, seed 0"``, or why they were not.
        rows: how many rows the table has.
        table_notes: what was read in another way than it stands in the table.
        numeric_columns: columns of numbers that are not among the targets.
        wanted: which parts should hold molecules.
    """

    name: str
    molecules: MoleculeDataset
    smiles: Sequence[str]
    facts: Facts
    part: np.ndarray
    how: str
    rows: int
    table_notes: tuple[str, ...] = ()
    numeric_columns: tuple[str, ...] = ()
    wanted: tuple[int, ...] = (0, 1, 2)

    @property
    def y(self) -> np.ndarray:
        """Labels, ``[N, T]`` float64, NaN where one is missing."""
        return self.molecules.y.double().numpy()

    def rows_of(self, positions: Sequence[int] | np.ndarray) -> tuple[int, ...]:
        """Number the rows of molecules as the user sees them."""
        return tuple(self.molecules.row.numpy()[np.asarray(positions, dtype=np.int64)].tolist())

    def examples(
        self,
        positions: Sequence[int] | np.ndarray,
        targets: Sequence[int] = (),
        more: Mapping[str, Sequence[Any]] | None = None,
    ) -> pl.DataFrame:
        """Show some molecules, at most :data:`~edgescope.data.checks.finding.SHOWN`.

        Args:
            positions: of the molecules.
            targets: which labels to show.
            more: columns of as many cells, shown first.
        """
        chosen = np.asarray(positions, dtype=np.int64)[:SHOWN]
        columns: dict[str, Any] = {
            name: list(cells)[: len(chosen)] for name, cells in (more or {}).items()
        }
        columns["row"] = list(self.rows_of(chosen))
        if (self.part >= 0).all():
            columns["part"] = [PARTS[each] for each in self.part[chosen]]
        for name, cells in self.molecules.identifiers.items():
            columns.setdefault(name, [cells[place] for place in chosen])
        columns["SMILES"] = [self.smiles[place] for place in chosen]
        for target in targets:
            name = self.molecules.target_names[target]
            columns[f"{name} (label)" if name in columns else name] = [
                None if np.isnan(value) else float(f"{value:.6g}")
                for value in self.y[chosen, target]
            ]
        return pl.DataFrame(columns)
