"""Cells of SMILES: what is one, what is a SMILES with a name, and what is something else.

RDKit reads a SMILES up to the first space, so that of two SMILES in a cell, or of one with a space
in it, the rest would be lost without a word.
"""

import re
import unicodedata
from typing import Any, NamedTuple

import polars as pl

from edgescope.data.molecule_tables.cell_contents import MISSING
from edgescope.lib.errors import InputError, shortened
from edgescope.lib.optional import require

_ODD = r"[^\x21-\x7e]|[>;,|]|\[[#!]|\$\(|^['\x22]|(?i)inchi|^[A-Z]{14}-[A-Z]{10}-[A-Z]$"
"""What no SMILES of a single molecule holds."""

_UNSEEN = re.compile("[\u200b-\u200f\u2060\ufeff]")
_OTHERS = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (
            "(?i)^inchi=",
            "an InChI, expected SMILES; convert it, for example with RDKit's MolFromInchi",
        ),
        (
            "^[A-Z]{14}-[A-Z]{10}-[A-Z]$",
            "an InChIKey, from which no molecule can be made; expected SMILES",
        ),
        ("(?<!-)>", "a reaction, expected SMILES of one molecule"),
        (r"\[[#!]|\$\(", "a SMARTS pattern, expected SMILES of one molecule"),
        ("[;,]", "holds a comma or semicolon, as no SMILES does; write one molecule in each row"),
        (r"^['\x22]", "begins with a quote, as no SMILES does; take the quotes away"),
        (r"\|", "holds '|' as extended SMILES (CXSMILES) do; write plain SMILES"),
    )
)
_ATOMS_AND_BONDS = re.compile(r"(?:Cl|Br|[BCNOPSFIbcnops*]|\[[^\]\s]+\]|[-=#$:/\\.()%\d@+])+")


class SmilesCells(NamedTuple):
    """The SMILES of a table.

    Attributes:
        smiles: ``R`` texts; None where the cell is empty.
        problems: why a row has no usable SMILES, by row from 0, as far as it can be told without
            reading it as one.
        names: ``R`` names that stood behind the SMILES; None where there was none.
        notes: what was read in another way than it stands there.
    """

    smiles: list[str | None]
    problems: dict[int, str]
    names: list[str | None]
    notes: list[str]


def smiles_cells(column: pl.Series, name: str, table: str) -> SmilesCells:
    """Look at every cell of a column of SMILES; almost all are left as they are.

    A cell may hold a name behind the SMILES. If what follows could be SMILES itself, or a part of
    the one before, the row cannot be used.

    Args:
        column: ``R`` cells.
        name: of the column.
        table: what messages call the table.

    Raises:
        InputError: if the column holds numbers, dates or lists.
    """
    dtype = column.dtype
    if dtype.is_nested() or dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Object:
        raise InputError(
            f"column {name!r} of {table} holds {dtype}, expected text (SMILES); name another "
            "column with smiles_column (--smiles-column)"
        )
    texts = column.cast(pl.String, strict=False).str.strip_chars().replace("", None)
    smiles = texts.to_list()
    names: list[str | None] = [None] * len(smiles)
    problems: dict[int, str] = {}
    unseen = 0
    marks = texts.str.to_lowercase().is_in(list(MISSING))
    for row in (texts.str.contains(_ODD) | marks).fill_null(False).arg_true().to_list():
        text = _UNSEEN.sub("", smiles[row])
        unseen += text != smiles[row]
        text = text.strip()
        if text.casefold() in MISSING:
            if text:
                problems[row] = f"no SMILES in this row: {text!r} marks a missing one"
            smiles[row] = text or None
            continue
        parts = text.split(maxsplit=1)
        smiles[row] = parts[0]
        reason = _reason(parts[0])
        if reason is None and len(parts) > 1:
            reason = _two(*parts) or (None if _parses(parts[0]) else "does not parse")
            if reason is None:
                names[row] = " ".join(parts[1].split())
        if reason is not None:
            smiles[row] = " ".join(text.split())
            problems[row] = reason
    notes = []
    if unseen:
        notes.append(f"characters without width are left out of {name!r} ({unseen} cells)")
    if count := sum(name is not None for name in names):
        first = next(row for row, name in enumerate(names) if name is not None)
        notes.append(
            f"names behind the SMILES in {name!r} are kept as identifiers ({count} cells), such as "
            f"{shortened(names[first] or '')!r} behind {shortened(smiles[first] or '')!r}"
        )
    return SmilesCells(smiles, problems, names, notes)


def _reason(text: str) -> str | None:
    """Say why a text without spaces is no SMILES of one molecule, if that is plain to see."""
    for pattern, reason in _OTHERS:
        if pattern.search(text):
            return reason
    if not text.isascii():
        odd = next(each for each in text if not each.isascii())
        called = unicodedata.name(odd, "no name").lower()
        return f"holds {odd!r} ({called}), which no SMILES does; type it anew"
    return None


def _two(head: str, tail: str) -> str | None:
    """Say why what follows a SMILES behind a space may be more than a name, if it may."""
    first, joined = tail.split(maxsplit=1)[0], "".join(tail.split())
    smiles, rest = shortened(head), shortened(tail)
    if first.startswith("|"):
        return (
            f"{smiles!r} is followed by {rest!r}, as in extended SMILES (CXSMILES); write plain "
            "SMILES"
        )
    bonds = _ATOMS_AND_BONDS.fullmatch(joined) and re.search(r"[=#()\[\]/\\@]", joined)
    atoms = re.search("[A-Za-z*]", joined)
    if (
        (bonds and atoms)
        or any(map(_parses, (first, joined)))
        or any(_parses(head + each) for each in (first, joined))
    ):
        return (
            f"{smiles!r} is followed by a space and {rest!r}, which may be SMILES "
            "too; write a molecule without spaces, a mixture with '.', a name in its own column"
        )
    return None


def _parses(text: str) -> bool:
    """Tell whether RDKit reads a text without spaces as atoms and bonds, sensible or not."""
    chem = require("rdkit.Chem", "chem")
    options: Any = chem.SmilesParserParams()
    options.sanitize = options.removeHs = options.allowCXSMILES = options.parseName = False
    with require("rdkit.rdBase", "chem").BlockLogs():
        return chem.MolFromSmiles(text, options) is not None
