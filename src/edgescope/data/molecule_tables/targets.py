"""Columns of targets: from cells to numbers, and which cells give none for what reason."""

from collections import Counter
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl

from edgescope.data.molecule_tables.cell_contents import cell, unit_of_name
from edgescope.data.molecule_tables.column_cells import Different, as_numbers, as_words, pair
from edgescope.data.molecule_tables.numerals import MARKS, Mark
from edgescope.lib.errors import InputError

SINGLE = np.finfo(np.float32)
_PLAIN = r"^\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*$"
_GROUPED = r"^\s*[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+\s*$"
_LONG = 40  # characters of a cell in a message


class Target(NamedTuple):
    """A column of targets, read.

    Attributes:
        values: ``[R]`` float32, NaN where there is none.
        lost: why a cell that is not empty gives no number, by row from 0.
        unit: of the numbers; empty if none is stated.
        notes: what was read in another way than it stands there, in a sentence each.
    """

    values: np.ndarray
    lost: dict[int, str]
    unit: str
    notes: list[str]


class TargetColumn:
    """A column of targets, whose cells are looked at before it is read.

    Args:
        column: ``R`` cells.
        name: of the column, which may state a unit.
        table: what messages call the table.

    Raises:
        InputError: if the column holds dates, lists or something else that is no cell of text or
            numbers.
    """

    def __init__(self, column: pl.Series, name: str, table: str) -> None:
        dtype = column.dtype
        self.where = f"column {name!r} of {table}"
        self.name = name
        if dtype.is_nested() or dtype.is_temporal() or dtype in (pl.Object, pl.Unknown):
            raise InputError(
                f"{self.where} holds {dtype}, expected text or numbers; name another column"
            )
        self.numeric = dtype.is_numeric()
        self.column = column if self.numeric else column.cast(pl.String, strict=False)
        self.plain = self.numeric or bool(self._filled().str.contains(_PLAIN).all())

    @cached_property
    def different(self) -> Different:
        """Look at each different cell once."""
        counts = Counter(text for text in self.column.to_list() if text is not None)
        cells = {text: cell(text) for text in counts}
        return Different(self.where, repr(self.name), unit_of_name(self.name), cells, counts)

    def _filled(self) -> pl.Series:
        return self.column.filter(self.column.is_not_null() & (self.column != ""))

    def marks(self) -> dict[Mark, int]:
        """Count the numbers that tell which mark is the decimal mark."""
        if self.numeric:
            return dict.fromkeys(MARKS, 0)
        if self.plain:
            points = self.column.str.contains(".", literal=True)
            certain = (points & ~self.column.str.contains(_GROUPED)).sum()
            return {".": int(certain), ",": 0}
        return self.different.marks

    def read(self, given: Mark | None, elsewhere: Mark | None, first_row: int) -> Target:
        """Read the numbers.

        Args:
            given: the decimal mark, if it was said.
            elsewhere: the mark in other columns of the table.
            first_row: number of the first row in messages.

        Raises:
            InputError: if no cell gives a number, or it cannot be told which one.
        """
        points = given != "," and (elsewhere != "," or self.marks()["."] > 0)
        if self.numeric or (self.plain and points):
            column = self.column if self.numeric else self.column.str.strip_chars()
            found = _limited(column.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy())
            target = Target(*found, unit_of_name(self.name), [])
        else:
            target = self._from_text(given, elsewhere)
        if not np.isfinite(target.values).any() and len(target.values):
            raise InputError(self._nothing(target.lost, first_row))
        return target

    def _from_text(self, given: Mark | None, elsewhere: Mark | None) -> Target:
        column = self.different
        words, numbers = column.words(), sum(count for _, count in column.numbers)
        chosen = pair(words)
        known = sum(words[word] for side in chosen or () for word in side)
        if known and known == numbers:
            raise InputError(
                f"{self.where} holds as many words as numbers, expected one of both; name another "
                "column or correct it"
            )
        if chosen is not None and known > numbers:
            reading = as_words(column, chosen)
        else:
            reading = as_numbers(column, given, elsewhere)
        found = [None if text is None else reading.results[text] for text in self.column.to_list()]
        wide = [value if isinstance(value, float) else np.nan for value in found]
        values, lost = _limited(np.array(wide, dtype=np.float64))
        lost |= {row: reason for row, reason in enumerate(found) if isinstance(reason, str)}
        return Target(values, lost, reading.unit, reading.notes)

    def _nothing(self, lost: dict[int, str], first_row: int) -> str:
        if not lost:
            return (
                f"{self.where} holds no value, only empty cells or marks of missing ones; name "
                "another column, or leave it out"
            )
        row = min(lost)
        cell = repr(str(self.column[row])[:_LONG])
        return (
            f"{self.where} gives no number: row {row + first_row} holds {cell}, {lost[row]}; "
            "expected numbers, or words such as active and inactive; name another column or "
            "correct it"
        )


def _limited(wide: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """Return numbers ``[R]`` as float32, and why some are lost."""
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    lost: dict[int, str] = {}
    for row in np.flatnonzero(np.isinf(wide)).tolist():
        lost[row] = "not a finite number"
    for row in np.flatnonzero(np.isinf(narrow) & np.isfinite(wide)).tolist():
        lost[row] = f"too large, expected at most {SINGLE.max:.2g}"
    for row in np.flatnonzero((narrow == 0) & (wide != 0)).tolist():
        lost[row] = f"too close to zero, expected at least {SINGLE.smallest_subnormal:.2g}"
    narrow[list(lost)] = np.nan
    return narrow, lost
