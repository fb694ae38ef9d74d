"""Columns that tell which molecule a row is."""

import re
from collections.abc import Sequence

import polars as pl

from edgescope.data.cells import trimmed
from edgescope.lib.errors import InputError

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
        >>> from edgescope.data.identifiers import identifies
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
