"""Rows and cells of delimited text (CSV), with the row numbers that a spreadsheet shows."""

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edgescope.data.columns import column_name
from edgescope.lib.errors import InputError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
"""Marks that may separate cells, and what they are called."""


class Rows(NamedTuple):
    """The cells of a table.

    Attributes:
        header: names of the columns.
        rows: ``R`` lists of cells; a blank line has none.
        first_row: number of the first of them, as a spreadsheet shows it.
        problems: why a row cannot be used, by row from 0: it has more cells than the header.
        notes: what had to be found out, in a sentence each.
    """

    header: list[str]
    rows: list[list[str]]
    first_row: int
    problems: dict[int, str]
    notes: tuple[str, ...]


def rows_of(text: str, name: str, usual: str, wanted: Sequence[str]) -> Rows:
    """Split text into rows and cells.

    Lines before the header that begin with ``#`` are comments. Cells may be quoted with ``"`` and
    hold line breaks then; rows are counted as a spreadsheet does, blank ones among them.

    Args:
        text: of the file.
        name: of the file, in messages.
        usual: what separates cells by the file's name; another mark is taken where only that gives
            the columns that are wanted.
        wanted: names of columns; the first is that of SMILES.

    Raises:
        InputError: if there is no header, or a quote is not closed.
    """
    told = re.match(r"\"?sep=([,;|\t])\"?(?:\r|\n|$)", text, re.IGNORECASE)
    skipped = 0 if told is None else 1
    order = dict.fromkeys((usual, *SEPARATORS) if told is None else [told[1]])
    names = [column_name(each) for each in wanted]
    headers = {mark: _header(text, mark, names[0], skipped) for mark in order}

    def lacking(mark: str) -> tuple[int, bool]:
        _, header = headers[mark]
        missing = len({*names} - {*header})
        return missing, missing > 0 and len(header) == 1

    mark = min(order, key=lacking)
    before, header = headers[mark]
    notes = []
    if mark != usual and told is None:
        notes.append(
            f"cells are separated by {SEPARATORS[mark]}, which the file's name does not say"
        )
    if before > skipped:
        notes.append(f"{before - skipped} lines before the header are comments or blank")
    # A line that says what separates cells is not shown by a spreadsheet.
    first_row = before - skipped + 2
    rows = _rows(_reader(text, mark), before + 1, first_row, name)
    if not header:
        raise InputError(
            f"{name} has only blank lines and comments, expected a header line and rows"
        )
    problems = {
        row: "a cell in quotes holds what looks like several rows; a quote is missing or too many"
        for row, cells in enumerate(rows)
        if any(_swallows(cell, mark, len(header)) for cell in cells)
    } | {
        row: f"has {len(cells)} cells, expected {len(header)} as in the header; put cells that "
        f"hold {mark!r} in quotes"
        for row, cells in enumerate(rows)
        if len(cells) > len(header) and any(map(str.strip, cells[len(header) :]))
    }
    return Rows(header, rows, first_row, problems, tuple(notes))


def _rows(reader: Iterator[list[str]], before: int, first_row: int, name: str) -> list[list[str]]:
    """Return the rows after the first ``before``, without blank ones at the end."""
    rows: list[list[str]] = []
    read = 0
    try:
        for cells in reader:
            read += 1
            if read > before:
                rows.append(cells)
    except csv.Error as error:
        number = first_row - before + read
        raise InputError(
            f"cannot read row {number} of {name} ({_explained(str(error))}); expected cells in "
            'quotes to end with a quote, and quotes in them to be doubled ("")'
        ) from error
    while rows and not any(map(str.strip, rows[-1])):
        rows.pop()
    return rows


def _swallows(cell: str, mark: str, width: int) -> bool:
    """Tell whether a cell holds whole rows, from some column of one to the same of another."""
    breaks = cell.count("\n") or cell.count("\r")
    return breaks > 0 and width > 1 and cell.count(mark) == (width - 1) * breaks


def _reader(text: str, mark: str) -> Iterator[list[str]]:
    return csv.reader(
        io.StringIO(text, newline=""), delimiter=mark, strict=True, skipinitialspace=mark != "\t"
    )


def _header(text: str, mark: str, smiles: str, skipped: int) -> tuple[int, list[str]]:
    """Return how many rows stand before the header, and the names of the columns."""
    reader = itertools.islice(_reader(text, mark), skipped, None)
    before = skipped
    try:
        for cells in reader:
            names = [column_name(cell) for cell in cells]
            uncommented = [names[0].lstrip("# "), *names[1:]] if names else []
            if any(names) and (not names[0].startswith("#") or smiles in names):
                return before, names
            if any(names) and smiles in uncommented:
                return before, uncommented
            before += 1
    except csv.Error:
        pass  # said when the rows are read
    return before, []


def _explained(error: str) -> str:
    if "end of data" in error:
        return "a quote that begins there is not closed"
    if "field larger" in error:
        return "a quote that begins there is not closed, or a cell has over 131,072 characters"
    if "expected after" in error:
        return "text follows a closing quote"
    return error
