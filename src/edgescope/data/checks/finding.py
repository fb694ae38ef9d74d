"""A finding: what is wrong with a table, how grave it is, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

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
