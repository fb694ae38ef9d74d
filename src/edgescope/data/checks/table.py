"""A table of molecules, checked before a model is trained on it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from polars._typing import PolarsDataType

from edgescope.data.checks.duplicates import check_duplicates
from edgescope.data.checks.facts import read_facts
from edgescope.data.checks.finding import SEVERITIES, TableFinding, in_order
from edgescope.data.checks.labels import check_labels
from edgescope.data.checks.molecules import check_molecules
from edgescope.data.checks.parts import check_parts
from edgescope.data.checks.rows import check_rows
from edgescope.data.checks.subject import Subject
from edgescope.data.columns import asked as taken_columns
from edgescope.data.loading import FEATURES, find_table, read_molecules
from edgescope.data.parse import Features, Reading
from edgescope.data.table import Identifiers, numeric_columns
from edgescope.data.table_frames import Frame
from edgescope.data.table_split import SplitOption, computed_parts, read_split
from edgescope.lib.errors import InputError

CHECKS = (check_rows, check_duplicates, check_parts, check_labels, check_molecules)


FINDINGS: Mapping[str, PolarsDataType] = {
    "kind": pl.String(),
    "severity": pl.String(),
    "column": pl.String(),
    "count": pl.Int64(),
    "rows": pl.List(pl.Int64()),
    "sentence": pl.String(),
    "why": pl.String(),
    "remedy": pl.String(),
}
"""Columns of the table of findings."""


@dataclass(frozen=True)
class TableCheck:
    """What is wrong with a table.

    Attributes:
        name: what messages call the table.
        rows: how many rows it has.
        usable: how many of them give a molecule.
        found: what was found, gravest first.

    Example:
        >>> import polars as pl
        >>> import edgescope as es
        >>> table = pl.DataFrame({"smiles": ["CCO", "CCO", "CCN", "C1CC"], "y": [1, 5, 2, 3]})
        >>> found = es.data.check_table(table, target_columns="y")
        >>> found.rows, found.usable
        (4, 3)
    """

    name: str
    rows: int
    usable: int
    found: tuple[TableFinding, ...]

    @property
    def findings(self) -> pl.DataFrame:
        """A row per finding: ``kind``, ``severity``, ``column``, ``count``, ``rows``, ``sentence``.

        ``severity`` is ``"grave"``, ``"look"`` or ``"note"``; ``rows`` lists all rows concerned.
        """
        columns = {
            name: [_plain(getattr(finding, name)) for finding in self.found] for name in FINDINGS
        }
        return pl.DataFrame(columns, schema=FINDINGS)

    @property
    def grave(self) -> tuple[TableFinding, ...]:
        """The findings that spoil results."""
        return tuple(finding for finding in self.found if finding.severity == "grave")

    @property
    def verdict(self) -> str:
        """Say in one sentence how many kinds of findings there are and how many rows are usable."""
        counts = [
            f"{number} {SEVERITIES[severity]}"
            for severity in ("grave", "look")
            if (number := len({each.kind for each in self.found if each.severity == severity}))
        ]
        return (
            f"{', '.join(counts) or 'nothing grave and nothing worth a look'}; "
            f"{self.usable:,} of {self.rows:,} rows can be used"
        )

    def table(self) -> pl.DataFrame:
        """Return ``kind``, ``severity``, ``column`` and ``row`` for every row of every finding."""
        return self.findings.select(
            "kind", "severity", "column", pl.col("rows").alias("row")
        ).explode("row")

    def json(self) -> str:
        """Return everything as JSON, examples among it."""
        content = {
            "table": self.name,
            "rows": self.rows,
            "usable": self.usable,
            "verdict": self.verdict,
            "findings": [
                {
                    **{name: _plain(value) for name, value in row.items()},
                    "examples": finding.examples.to_dicts(),
                }
                for row, finding in zip(self.findings.to_dicts(), self.found, strict=True)
            ],
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def text(self, width: int | None = None) -> str:
        """Return everything as text, gravest first; no line is wider, tables excepted."""
        from edgescope.data.checks.text import as_text

        return as_text(self) if width is None else as_text(self, width)

    def __str__(self) -> str:
        """Return the text."""
        return self.text()


def check_table(
    source: str | Path | Frame,
    root: str | Path | None = None,
    *,
    smiles_column: str = "smiles",
    target_columns: str | Sequence[str] | None = None,
    split: SplitOption = None,
    id_columns: Identifiers = None,
    decimal: str | None = None,
    features: Features | None = None,
    seed: int = 0,
    cache: str | Path | Literal[False] | None = None,
    progress: bool = True,
) -> TableCheck:
    """Say what is wrong with a table of molecules before a model is trained on it.

    Rows and cells that are not used, duplicates (the same molecule, the same graph, the same
    parent) with conflicting labels or in two parts, labels (constants, limits, outliers, units,
    classes), kinds of molecules (salts, mixtures, metals, ...) and the parts of the split. The
    modules of :mod:`edgescope.data.checks` state every threshold and its source.

    Args:
        source: a CSV or Parquet table, or a data frame of polars or pandas.
        root: the folder that a path is relative to.
        smiles_column: as for :func:`edgescope.data.load`, like all below.
        target_columns: what is to be predicted; without it no label is checked.
        split: how the table is to be divided.
        id_columns: what tells which molecule a row is, shown with every example.
        decimal: the mark before decimals.
        features: of atoms and bonds, which decide what is one graph.
        seed: start of a random split.
        cache: folder for molecules already read.
        progress: whether to show a bar.

    Returns:
        What was found.

    Raises:
        InputError: if the table cannot be read, a column is not there, or no row can be used.
        MissingExtraError: if RDKit is not installed.

    Example:
        >>> import polars as pl
        >>> frame = pl.DataFrame({"smiles": ["CCO", "OCC", "CCN", "CCC"], "y": [1, 5, 2, 3]})
        >>> found = check_table(frame, target_columns="y", split=(0.5, 0.25, 0.25), cache=False)
        >>> [each.rows for each in found.grave if each.kind == "conflicting labels"]
        [(0, 1)]
    """
    if features is not None and features not in FEATURES:
        raise InputError(f"received features={features!r}, expected 'types' or 'ogb'")
    base = None if root is None else Path(root)
    asked = read_split(split)
    options = {"id_columns": id_columns, "decimal": decimal}
    described, _ = find_table(source, base, (smiles_column, target_columns, split), options)
    table = described.read()
    reading = Reading(features or "types")
    parsed = read_molecules(
        described._replace(read=lambda: table), reading, cache, progress=progress
    )
    molecules, part, told = parsed.molecules, parsed.part.numpy(), f"column {asked.word}"
    if asked.column is None:
        try:
            part, told = computed_parts(asked, molecules, len(part), seed)
        except InputError as reason:
            part, told = np.full(len(part), -1, dtype=np.int8), str(reason)
    places = (molecules.row - molecules.first_row).tolist()
    texts = [str(table.smiles[place]) for place in places]
    taken = taken_columns(smiles_column, (), asked.column, id_columns, decimal)
    subject = Subject(
        name=described.name,
        molecules=molecules,
        smiles=texts,
        facts=read_facts(
            texts, stereo=bool(molecules.node_columns), name=described.name, progress=progress
        ),
        part=part[places],
        how=told,
        rows=len(table.smiles),
        table_notes=table.notes,
        numeric_columns=() if molecules.target_names else numeric_columns(source, base, taken),
        wanted=tuple(number for number in range(3) if asked.column or asked.fractions[number] > 0),
    )
    found = [finding for check in CHECKS for finding in check(subject)]
    return TableCheck(described.name, subject.rows, len(molecules), in_order(found))


def _plain(value: Any) -> Any:  # noqa: ANN401  (a field of a finding)
    return list(value) if isinstance(value, tuple) else value
