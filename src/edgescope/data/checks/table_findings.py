"""What is checked of a table, and what is found: how grave it is, why, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from edgescope.data.checks.molecule_facts import Facts
from edgescope.data.chemistry.molecule_dataset import MoleculeDataset
from edgescope.data.splits import PARTS

Severity = Literal["grave", "look", "note"]
"""Spoils results; may be right but should be looked at; harmless, said for completeness."""

SEVERITIES: dict[Severity, str] = {"grave": "grave", "look": "worth a look", "note": "note"}
"""What a reader is shown, gravest first."""

SHOWN = 20
"""Rows that a finding shows as examples."""


@dataclass(frozen=True)
class TableFinding:
    """One kind of thing that is wrong with a table.

    Attributes:
        kind: its name, such as ``"conflicting labels"``.
        severity: how grave it is.
        count: how many molecules, rows, cells or labels it is about; the sentence says which.
        sentence: what was found.
        why: why it matters.
        remedy: what to do.
        column: the target that it is about; empty if it is about molecules or several targets.
        rows: numbers of all rows concerned, as the user sees them.
        examples: at most 20 of these rows, with their molecules and labels.
    """

    kind: str
    severity: Severity
    count: int
    sentence: str
    why: str
    remedy: str
    column: str = ""
    rows: tuple[int, ...] = ()
    examples: pl.DataFrame = field(default_factory=pl.DataFrame)


def in_order(findings: Sequence[TableFinding]) -> tuple[TableFinding, ...]:
    """Sort findings gravest first, those of a kind together, else in the order given."""
    ranks = list(SEVERITIES)
    kinds = list(dict.fromkeys(finding.kind for finding in findings))
    return tuple(
        sorted(findings, key=lambda each: (ranks.index(each.severity), kinds.index(each.kind)))
    )


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
        """Show some molecules, at most :data:`~edgescope.data.checks.table_findings.SHOWN`.

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
