"""Which columns of a table are taken: those asked for, and those that identify molecules."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import polars as pl

from edgescope.data.molecule_tables.cell_contents import trimmed
from edgescope.data.molecule_tables.numerals import MARKS, Mark
from edgescope.data.molecule_tables.split_choice import COMPUTED, column_of
from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.mistakes import said

NAMES = frozenset(
    (
        *("id", "ids", "identifier", "cid", "sid", "casid", "cas", "casno", "casnr", "casrn"),
        *("casnumber", "cas#", "inchikey", "chembl", "zinc", "pubchem", "drugbank", "key", "code"),
        *("name", "names", "title", "compound", "molecule", "drug", "ligand", "chemical"),
        *("substance", "iupac", "trivialname", "commonname", "genericname", "iupacname"),
    )
)
"""Names of columns that identify molecules, in lower case, without spaces, ``_``, ``-``, ``.``."""

THINGS = "(?:mol|molecule|compound|cmpd|cpd|drug|ligand|chemical|substance|sample|product)"
"""What a column may name or number: ``compound_name``, ``Sample No``."""

_PATTERN = re.compile(rf"{THINGS}s?(?:name|no|nr|number|code|key|#)")
_ID = re.compile(r"(?:^|[\s_.\-]|(?<=[a-z]))I[Dd]s?$|(?:^|[\s_.\-])id(?:s|entifier)?$")


def identifies(column: str) -> bool:
    """Tell by its name whether a column says which molecule a row is.

    It does if it is one of :data:`NAMES`, ends in ``id`` as a word (``mol_id``, ``MoleculeID``), or
    is the name, number or code of one of :data:`THINGS`.

    Example:
        >>> from edgescope.data.molecule_tables.column_choice import identifies
        >>> [identifies(name) for name in ("mol_id", "ChEMBL ID", "Compound Name", "acid", "logP")]
        [True, True, True, False, False]
    """
    joined = re.sub(r"[\s_.\-]+", "", column.strip().casefold())
    return bool(joined in NAMES or _PATTERN.fullmatch(joined) or _ID.search(column.strip()))


def holds_texts(column: pl.Series) -> bool:
    """Tell whether a column holds cells, rather than lists or other things."""
    return not (column.dtype.is_nested() or column.dtype == pl.Object)


def texts(column: pl.Series, where: str) -> list[str | None]:
    """Return identifiers as they stand in the table, None where there is none.

    Raises:
        InputError: if the column holds lists or other things that are no cells.
    """
    if not holds_texts(column):
        raise InputError(
            f"{where} holds {column.dtype}, expected text or numbers as identifiers; name another "
            "column"
        )
    if column.dtype.is_float():
        # Whole numbers become floats where a data frame lacks some of them.
        return [_whole(value) for value in column.to_list()]
    found = column.cast(pl.String, strict=False).to_list()
    return [(trimmed(text) or None) if text is not None else None for text in found]


def automatic(columns: Sequence[str], taken: Sequence[str | None]) -> list[str]:
    """Name the columns that identify molecules, of those that are nothing else and alone so called.

    Args:
        columns: names of all columns.
        taken: names of those that are read as something else.
    """
    return [
        name
        for name in dict.fromkeys(columns)
        if name not in taken and columns.count(name) == 1 and identifies(name)
    ]


def _whole(value: float | None) -> str | None:
    if value is None or value != value:  # noqa: PLR0124  (NaN)
        return None
    return str(int(value)) if float(value).is_integer() else str(value)


_SHOWN = 20  # names of columns in a message
_LONG = 60  # characters of a name in a message


class Asked(NamedTuple):
    """What is to be taken from a table.

    Attributes:
        smiles: name of the column of SMILES.
        targets: names of columns of numbers.
        split: name of the column that says train, val or test, or a split that is computed.
        identifiers: names of columns that tell which molecule a row is; None for those whose
            names say so (:func:`~edgescope.data.molecule_tables.column_choice.identifies`).
        decimal: the decimal mark; None to find it out.
    """

    smiles: str
    targets: tuple[str, ...] = ()
    split: str | None = None
    identifiers: tuple[str, ...] | None = None
    decimal: Mark | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are asked for by name, that of SMILES first."""
        split = [] if self.split is None or self.split in COMPUTED else [self.split]
        return (self.smiles, *self.targets, *split, *(self.identifiers or ()))


class Grid(NamedTuple):
    """A table of ``R`` rows, before anything is taken from it.

    Attributes:
        header: names of the columns.
        column: gives a column ``[R]`` by its position.
        height: ``R``.
        first_row: number of the first row as the user sees it.
        problems: why a row cannot be used at all, by row from 0.
        ends: how many cells a row has that has too few, by row from 0.
        notes: what had to be found out, in a sentence each.
        hint: what to say where a column is not there and no name is near.
    """

    header: list[str]
    column: Callable[[int], pl.Series]
    height: int
    first_row: int = 0
    problems: dict[int, str] = {}  # noqa: RUF012  (never changed)
    ends: dict[int, int] = {}  # noqa: RUF012  (never changed)
    notes: tuple[str, ...] = ()
    hint: str = ""


class Places(NamedTuple):
    """Positions of the columns that are taken; those of identifiers by their names."""

    smiles: int
    targets: tuple[int, ...]
    split: int | None
    identifiers: dict[str, int]

    @property
    def all(self) -> list[int]:
        """Every one of them once."""
        split = [] if self.split is None else [self.split]
        every = [self.smiles, *self.targets, *split, *self.identifiers.values()]
        return list(dict.fromkeys(every))


def asked(
    smiles: str,
    targets: Sequence[str],
    split: str | None,
    identifiers: str | Sequence[str] | Literal[False] | None,
    decimal: str | None,
) -> Asked:
    """Check what is asked of a table.

    Raises:
        InputError: for a target that is named twice, or another mark than a point or a comma.
    """
    if decimal is not None and decimal not in MARKS:
        raise InputError(
            f"received decimal={decimal!r}, expected the decimal mark ',' or '.'; leave it out to "
            "detect it"
        )
    for position, name in enumerate(targets):
        if name in targets[:position]:
            raise InputError(f"received the target column {name!r} twice; name it once")
    if identifiers is not None and identifiers is not False:
        listed = (identifiers,) if isinstance(identifiers, str) else identifiers
        if not isinstance(listed, Sequence) or not all(isinstance(each, str) for each in listed):
            raise InputError(
                f"received {said(identifiers)} as id_columns, expected names of columns, [] for "
                "none, or None for those whose names say so"
            )
        identifiers = list(listed)
    ids = None if identifiers is None else tuple(identifiers or ())
    mark: Any = decimal
    return Asked(smiles, tuple(targets), split, ids, mark)


def column_name(text: str) -> str:
    """Return the name of a column without what cannot be seen: spaces around it, zero widths."""
    text = unicodedata.normalize("NFC", re.sub("[\u200b-\u200f\u2060\ufeff]", "", text))
    return " ".join(text.split())


def places(grid: Grid, name: str, wanted: Asked) -> Places:
    """Find the columns.

    Raises:
        InputError: if one is not there, or two have its name.
    """
    header = [column_name(each) for each in grid.header]
    smiles, *targets = (
        _position(each, header, grid, name) for each in (wanted.smiles, *wanted.targets)
    )
    named = column_of(wanted.split, header, name)
    split = None if named is None else _position(named, header, grid, name)
    identifiers = wanted.identifiers
    if identifiers is None:
        taken = [wanted.smiles, *wanted.targets, wanted.split]
        identifiers = tuple(automatic(header, [each and column_name(each) for each in taken]))
    found = {each: _position(each, header, grid, name) for each in identifiers}
    return Places(smiles, tuple(targets), split, found)


def _position(column: str, header: list[str], grid: Grid, name: str) -> int:
    cleaned = column_name(column)
    count = header.count(cleaned)
    if count == 1:
        return header.index(cleaned)
    if count:
        raise InputError(
            f"{name} has {count} columns called {column!r}, expected one; give them different names"
        )
    shown = ", ".join(each[:_LONG] for each in header[:_SHOWN])
    more = f" and {len(header) - _SHOWN} more" if len(header) > _SHOWN else ""
    folded = cleaned.casefold()
    within = [each for each in header if folded in each.casefold()]
    near = did_you_mean(column, header, f"did you mean {within[0]!r}?" if within else "")
    same = any(each.casefold() == folded for each in header)
    advice = (near if same else grid.hint or near) or "name one of these"
    raise InputError(f"{name} has no column {column!r}, only {shown}{more}; {advice}")
