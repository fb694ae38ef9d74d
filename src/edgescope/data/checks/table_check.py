"""A table of molecules checked before a model is trained on it, and the findings as text."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from polars._typing import PolarsDataType

from edgescope.data.checks.duplicates import check_duplicates
from edgescope.data.checks.label_classes import check_labels
from edgescope.data.checks.molecule_facts import read_facts
from edgescope.data.checks.molecule_kinds import check_molecules
from edgescope.data.checks.rows_and_parts import check_parts, check_rows
from edgescope.data.checks.table_findings import SEVERITIES, SHOWN, Subject, TableFinding, in_order
from edgescope.data.molecule_tables.column_choice import asked as taken_columns
from edgescope.data.molecule_tables.molecule_cache import read_molecules
from edgescope.data.molecule_tables.molecule_table import Identifiers, numeric_columns
from edgescope.data.molecule_tables.split_choice import SplitOption, computed_parts, read_split
from edgescope.data.molecule_tables.table_grids import Frame
from edgescope.data.molecule_tables.table_molecules import FEATURES, Features, Reading, find_table
from edgescope.lib.errors import InputError, shortened
from edgescope.lib.text_tables import Column, lay_out
from edgescope.lib.visible_text import visible

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
        """Return everything as text, gravest first, in so many columns of a terminal.

        Without it, sentences have 100 and a row of a table one line. A number is never broken.
        """
        return as_text(self, width)

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
        decimal: the decimal mark.
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
    places = molecules.places.tolist()
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


WIDTH = 100
INDENT = "  "
NOTED = 5
"""Examples of what is only noted."""


def as_text(check: "TableCheck", width: int | None = None) -> str:
    """Return a section per finding, gravest first, and the verdict.

    Args:
        check: what was found.
        width: columns of the terminal, which examples are laid out in; without it a row of them
            stays in one line, and sentences are wrapped at 100.
    """
    groups = groupby(check.found, key=lambda finding: (finding.severity, finding.kind))
    sections = [_section(list(group), width) for _, group in groups]
    return "\n\n".join([*sections, f"{check.name}: {check.verdict}"]) + "\n"


def _section(findings: Sequence[TableFinding], given: int | None) -> str:
    """Write all findings of one kind, and once why it matters and what to do."""
    width = min(given or WIDTH, WIDTH)
    room = None if given is None else given - 2 * len(INDENT)
    first = findings[0]
    about = f" ({first.column})" if first.column and len(findings) == 1 else ""
    lines = [f"{SEVERITIES[first.severity].upper()}: {first.kind}{about}"]
    for finding in findings:
        sentence = finding.sentence
        if not (finding.column and sentence.startswith(finding.column)):
            sentence = sentence[:1].upper() + sentence[1:]
        lines += _wrapped(f"{sentence}.", width)
        shown = finding.examples.head(NOTED if finding.severity == "note" else SHOWN)
        lines += [f"{INDENT}{INDENT}{line}" for line in _aligned(shown, room)]
        if shown.height and len(finding.rows) > shown.height:
            lines.append(f"{INDENT}{INDENT}... ({len(finding.rows):,} rows in all)")
    if first.severity != "note":
        lines += _wrapped(f"Why it matters: {first.why}", width)
        lines += _wrapped(f"What to do: {first.remedy}", width)
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _aligned(frame: pl.DataFrame, width: int | None) -> list[str]:
    """Write a table in columns, without trailing blanks, folded or stacked in a narrow terminal."""
    if not frame.width:
        return []
    columns = [
        Column(visible(name), [_cell(value) for value in frame[name]], kind.is_numeric())
        for name, kind in frame.schema.items()
    ]
    return lay_out(columns, width).lines


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return shortened(" ".join(str(value).split()))
