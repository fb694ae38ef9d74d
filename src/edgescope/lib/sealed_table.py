"""Tables as the bytes of a Parquet file, with a digest of their rows."""

import hashlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import polars as pl

from edgescope.lib.input_files import table_of

_DIGEST = "edgescope.sha256"
"""Key of the file's metadata under which the digest of its rows stands."""

_NOTE = "edgescope.of"
"""Key of the file's metadata that says what the table is."""


def sealed_table(table: pl.DataFrame, note: str | None = None) -> bytes:
    """Return a table as the bytes of a Parquet file, with a digest of its rows.

    Args:
        table: its columns hold plain values.
        note: what the table is, to be compared when it is read.
    """
    held = BytesIO()
    noted = {} if note is None else {_NOTE: note}
    table.write_parquet(held, metadata={_DIGEST: _digest(table), **noted})
    return held.getvalue()


def unsealed_table(
    data: bytes, schema: Mapping[str, Any] | None = None, note: str | None = None
) -> pl.DataFrame:
    """Return the table that :func:`sealed_table` made bytes of.

    Args:
        data: the bytes of the file.
        schema: types of columns that must be there; others may be.
        note: what the table must be; anything if None.

    Raises:
        ValueError: if it is another table, or not as it was written.
        InputError: if its rows need more memory than there is.
    """
    table = table_of(data, schema)
    told = pl.read_parquet_metadata(BytesIO(data))
    if note is not None and told.get(_NOTE) != note:
        raise ValueError(f"it is {told.get(_NOTE, 'a table of something else')}, expected {note}")
    if told.get(_DIGEST) != _digest(table):
        raise ValueError("its checksum is wrong: it was changed after it was written")
    return table


def _digest(table: pl.DataFrame) -> str:
    return hashlib.sha256(table.write_csv().encode()).hexdigest()
