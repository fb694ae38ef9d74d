"""Rows that give no molecule, and cells that give no label."""

import re

import polars as pl

from edgescope.data.checks.finding import SHOWN, Severity, TableFinding
from edgescope.data.checks.subject import Subject
from edgescope.lib.plurals import plural

MANY = 0.1
"""Share of the rows that cannot be used from which the table is hardly what was meant."""


def check_rows(subject: Subject) -> list[TableFinding]:
    """List what of the table is not used, by reason, and what was read in another way."""
    found = _rejected(subject) + _lost(subject)
    notes = subject.table_notes
    if notes:
        found.append(
            TableFinding(
                "how the table was read",
                "note",
                len(notes),
                "; ".join(notes),
                "A number that is read in another way than it was meant is a wrong label.",
                "Compare it with what was meant; --decimal, --id-column and others say otherwise.",
            )
        )
    return found


def kind_of_reason(reason: str) -> str:
    """Return a reason without what is special to its row.

    Example:
        >>> kind_of_reason("does not parse: unclosed ring around position 3")
        'does not parse'
        >>> kind_of_reason("no bonds (1 atoms)")
        'no bonds'
    """
    plain = re.split(r"[:(,;]", re.sub(r"(['\"]).*?\1", "'...'", reason))[0]
    return re.sub(r"\d+", "...", plain).strip()


def _by_reason(table: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Group rows by the kind of their reason, the most frequent first."""
    kinds = pl.Series("kind", [kind_of_reason(each) for each in table["reason"].to_list()])
    groups = table.with_columns(kinds.cast(pl.String)).partition_by(
        "kind", as_dict=True, include_key=False, maintain_order=True
    )
    return sorted(
        ((str(key[0]), rows) for key, rows in groups.items()), key=lambda each: -each[1].height
    )


def _rejected(subject: Subject) -> list[TableFinding]:
    rejected = subject.molecules.rejected
    severity: Severity = "grave" if rejected.height > MANY * subject.rows else "look"
    return [
        TableFinding(
            "rejected rows",
            severity,
            rows.height,
            f"{plural(rows.height, 'row')} of {subject.rows:,} cannot be used: {reason}",
            "They are left out of training and of every result.",
            "Correct the cells, or leave the rows out on purpose.",
            rows=tuple(rows["row"].to_list()),
            examples=rows.head(SHOWN).rename({"smiles": "SMILES"}),
        )
        for reason, rows in _by_reason(rejected)
    ]


def _lost(subject: Subject) -> list[TableFinding]:
    lost = subject.molecules.lost_labels
    return [
        TableFinding(
            "lost labels",
            "look",
            rows.height,
            f"{plural(rows.height, 'cell')} of {', '.join(rows['column'].unique().sort())} "
            f"{'gives' if rows.height == 1 else 'give'} no label: {reason}",
            "The molecule is kept without this label.",
            "Write a number or a class, or leave the cell empty on purpose.",
            rows=tuple(rows["row"].unique().sort().to_list()),
            examples=rows.head(SHOWN),
        )
        for reason, rows in _by_reason(lost)
    ]
