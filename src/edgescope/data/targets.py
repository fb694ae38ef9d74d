"""Columns of targets: from cells to numbers, and which cells give none for what reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from edgescope.data.cells import Cell, cell
from edgescope.data.numerals import MARKS, Convention, Mark, convention, evidence
from edgescope.data.units import unit_of_name
from edgescope.data.words import Pair, pair
from edgescope.errors import InputError

SINGLE = np.finfo(np.float32)
_PLAIN = r"^\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*$"
_GROUPED = r"^\s*[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+\s*$"
_SHOWN = 3  # marks and words named in a note


Result = float | str | None
"""A number, why there is none, or None where a value is missing."""


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


class Cells:
    """The different cells of a column, each looked at once.

    Args:
        column: ``R`` cells.
        column_name: of the column, which may state a unit.
        table: what messages call the table.

    Raises:
        InputError: if the column holds dates, lists or something else that is no cell of text or
            numbers.
    """

    def __init__(self, column: pl.Series, column_name: str, table: str) -> None:
        where = f"column {column_name!r} of {table}"
        dtype = column.dtype
        if dtype.is_nested() or dtype.is_temporal() or dtype in (pl.Object, pl.Unknown):
            raise InputError(
                f"{where} holds {dtype}, expected text or numbers; name another column"
            )
        self.where = where
        # Notes are kept with the molecules, whatever the table is called the next time.
        self.name = repr(column_name)
        self.stated = unit_of_name(column_name)
        self.numeric = dtype.is_numeric()
        self.column = column if self.numeric else column.cast(pl.String, strict=False)
        self.counts: dict[str, int] = {}
        self.cells: dict[str, Cell] = {}
        self.plain = self.numeric or bool(self._stripped().str.contains(_PLAIN).all())
        if not self.plain:
            self.counts = Counter(text for text in self.column.to_list() if text is not None)
            self.cells = {text: cell(text) for text in self.counts}

    def _stripped(self) -> pl.Series:
        return self.column.filter(self.column.is_not_null() & (self.column != ""))

    def marks(self) -> dict[Mark, int]:
        """Count the numbers that tell which mark stands before decimals."""
        if self.numeric:
            return dict.fromkeys(MARKS, 0)
        if self.plain:
            points = self.column.str.contains(".", literal=True)
            certain = (points & ~self.column.str.contains(_GROUPED)).sum()
            return {".": int(certain), ",": 0}
        return evidence(
            (found.number, self.counts[text])
            for text, found in self.cells.items()
            if found.number is not None
        )

    def read(self, name: str, given: Mark | None, elsewhere: Mark | None, first_row: int) -> Target:
        """Read the numbers.

        Args:
            given: the mark before decimals, if it was said.
            elsewhere: the mark in other columns of the table.
            first_row: number of the first row in messages.

        Raises:
            InputError: if no cell gives a number, or it cannot be told which one.
        """
        certain = self.numeric or self.marks()["."] > 0 or elsewhere != ","
        if self.plain and (self.numeric or (given != "," and certain)):
            column = self.column if self.numeric else self.column.str.strip_chars()
            found = _limited(column.cast(pl.Float64, strict=False).fill_null(np.nan))
            target = Target(*found, self.stated, [])
        else:
            target = self._from_text(given, elsewhere)
        if not np.isfinite(target.values).any() and len(target.values):
            raise InputError(self._nothing(target.lost, first_row))
        return target

    def _from_text(self, given: Mark | None, elsewhere: Mark | None) -> Target:
        if not self.cells:
            self.counts = Counter(text for text in self.column.to_list() if text is not None)
            self.cells = {text: cell(text) for text in self.counts}
        numbers = [
            (found.number, self.counts[text])
            for text, found in self.cells.items()
            if found.number is not None
        ]
        words = Counter[str]()
        for text, found in self.cells.items():
            if found.word:
                words[found.word] += self.counts[text]
        # A minus sign alone is a mark of a missing value, unless plus signs stand beside it.
        signs = "+" in words
        chosen = pair({word: count for word, count in words.items() if signs or word != "-"})
        known = sum(words[word] for side in chosen or () for word in side)
        count = sum(each for _, each in numbers)
        if known and known == count:
            raise InputError(
                f"{self.where} holds as many words as numbers, expected one of both; name another "
                "column or correct it"
            )
        if known > count:
            assert chosen is not None
            return self._finished(self._words(chosen, signs=signs), "", self._worded(chosen))
        written = convention(numbers, given, elsewhere)
        if written is None:
            raise InputError(self._undecided())
        kept = self._unit()
        result = {text: self._number(found, written, kept) for text, found in self.cells.items()}
        notes = self._numbered(written, result)
        in_cells = any(found.unit for found in self.cells.values())
        if kept and in_cells:
            notes.append(f"the numbers of {self.name} are in {kept}, as their cells say")
        return self._finished(result, self.stated or kept, notes)

    def _words(self, chosen: Pair, *, signs: bool) -> Mapping[str, Result]:
        shown = f"{chosen.positive[0]} and {chosen.negative[0]}"
        result: dict[str, Result] = {}
        for text, found in self.cells.items():
            value = chosen.value(found.word) if found.word else None
            if found.word == "-" and not signs:
                result[text] = None
            elif value is not None:
                result[text] = value
            elif found.word:
                result[text] = f"neither of the words {shown}"
            elif found.number is not None:
                result[text] = "a number in a column of words"
            else:
                result[text] = found.reason or None
        return result

    def _worded(self, chosen: Pair) -> list[str]:
        told = []
        for number, side in ((1, chosen.positive), (0, chosen.negative)):
            here = sorted(
                {text.strip() for text, found in self.cells.items() if found.word in side}
            )
            if here:
                told.append(f"{_few([repr(each) for each in here])} is read as {number}")
        return [f"in {self.name} {' and '.join(told)}"]

    def _unit(self) -> str:
        """Return the unit that most numbers have, or that the name of the column states."""
        counts: Counter[str] = Counter()
        for text, found in self.cells.items():
            if found.number is not None:
                counts[found.unit] += self.counts[text]
        if len(counts) <= 1 or (self.stated and not self.stated.startswith(("log", "ln", "lg"))):
            return self.stated or next(iter(counts), "")
        (most, first), (other, second) = counts.most_common(2)
        if first == second:
            one, two = sorted((most or "no unit", other or "no unit"))
            raise InputError(
                f"{self.where} mixes numbers in {one} and in {two}, as many of each; convert them "
                "to one unit"
            )
        return most

    def _number(self, found: Cell, written: Convention, kept: str) -> Result:
        if found.word == "-" or found == Cell():
            return None
        if found.number is None:
            return found.reason or "not a number"
        if found.unit != kept and (found.unit or not self.stated):
            here = f"in {found.unit}" if found.unit else "without a unit"
            return f"{here}, the others are {f'in {kept}' if kept else 'without a unit'}"
        return written.read(found.number)

    def _numbered(self, written: Convention, result: Mapping[str, Result]) -> list[str]:
        """Say which separators were taken out of the numbers, with an example of each."""
        marks: dict[str, str] = {}
        for text, found in self.cells.items():
            value = found.number and found.number.under(written.mark)
            if value is not None and isinstance(result[text], float):
                marks.setdefault(value.separator, text)
                if written.mark == "," and found.number and "," in found.number.body:
                    marks.setdefault("decimal", text)
        told = {"decimal": "commas in {} are read as decimal points"} | {
            by: f"{name} in {{}} are read as separators of thousands"
            for by, name in (
                (",", "commas"),
                (".", "points"),
                (" ", "spaces"),
                ("'", "apostrophes"),
            )
        }
        return [
            f"{sentence.format(self.name)}: {marks[by].strip()!r} is {result[marks[by]]:.12g}"
            for by, sentence in told.items()
            if by in marks
        ]

    def _finished(self, result: Mapping[str, Result], unit: str, notes: list[str]) -> Target:
        texts = self.column.to_list()
        numbers = {text: value for text, value in result.items() if isinstance(value, float)}
        values = np.array([numbers.get(text, np.nan) for text in texts], dtype=np.float64)
        limited, lost = _limited(pl.Series(values))
        for row, text in enumerate(texts):
            if isinstance(reason := result.get(text), str):
                lost[row] = reason
        return Target(limited, lost, unit, notes + self._missing(result))

    def _missing(self, result: Mapping[str, Result]) -> list[str]:
        """Say which cells that are not empty are read as missing."""
        marks = Counter[str]()
        for text, value in result.items():
            if value is None and text.strip():
                marks[text.strip()] += self.counts[text]
        if not marks:
            return []
        shown = _few([f"{mark!r} ({count})" for mark, count in sorted(marks.items())])
        return [f"missing values of {self.name} are marked with {shown}"]

    def _undecided(self) -> str:
        numbers = {text: found.number for text, found in self.cells.items() if found.number}
        shown = [text for text, number in numbers.items() if number.ambiguous] or [*numbers]
        return (
            f"cannot tell whether commas or points stand before the decimals in {self.where}, such "
            f"as {shown[0].strip()!r}; say it with decimal=',' or decimal='.' (--decimal)"
        )

    def _nothing(self, lost: dict[int, str], first_row: int) -> str:
        if not lost:
            return (
                f"{self.where} holds no value, only empty cells or marks of missing ones; name "
                "another column, or leave it out"
            )
        row = min(lost)
        return (
            f"{self.where} gives no number: row {row + first_row} holds {str(self.column[row])[:40]!r}, "
            f"{lost[row]}; expected numbers, or words such as active and inactive; name another "
            "column or correct it"
        )


def _limited(values: pl.Series) -> tuple[np.ndarray, dict[int, str]]:
    """Return float32 numbers ``[R]``, and why some are lost."""
    wide = values.to_numpy()
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


def _few(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more
