"""Text files of tables (CSV): from bytes to rows, numbered as a spreadsheet shows them."""

import csv
import io
import itertools
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from edgescope.data.molecule_tables.column_choice import column_name
from edgescope.lib.errors import InputError
from edgescope.lib.input_files import GZIP, unpacked, whole

_BEGINNINGS = (
    (b"PK\x03\x04", "an Excel workbook or another ZIP file", "save the sheet as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV UTF-8"),
    (b"PAR1", "Parquet", "let its name end in .parquet"),
    (b"BZh", "packed with bzip2", "unpack it"),
    (b"\xfd7zXZ", "packed with xz", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it"),
    (b"%PDF", "a PDF", "copy the table into a CSV file"),
    (b"ARROW1", "an Arrow file", "save it as Parquet or CSV"),
    (b"\x89HDF", "an HDF5 file", "save it as Parquet or CSV"),
    (b"version https://git-lfs", "a pointer of Git LFS", "get the file itself with git lfs pull"),
    (b"<!DOCTYPE", "a web page", "download the file itself"),
    (b"<!doctype", "a web page", "download the file itself"),
    (b"<html", "a web page", "download the file itself"),
    (b"<?xml", "XML", "save it as CSV"),
)
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_LOOKED_AT = 400  # bytes that tell whether every second one is zero


class Text(NamedTuple):
    """The text of a file.

    Attributes:
        text: with line ends as they are.
        notes: what had to be found out, in a sentence each.
    """

    text: str
    notes: tuple[str, ...]


def read_text(path: Path) -> Text:
    """Read a text file, packed with gzip or not, in UTF-8, UTF-16, UTF-32 or Windows-1252.

    Raises:
        InputError: if it cannot be read, is empty, or is no text.
    """
    content, packed = _unpacked(path)
    notes = []
    if packed != (path.suffix.lower() == ".gz"):
        notes.append(
            f"the file is {'packed' if packed else 'not packed'} with gzip, unlike its name"
        )
    encoding = _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise InputError(
                f"cannot read {path} as {encoding.upper()} ({error.reason}); save it as UTF-8"
            ) from error
        # Bytes that Windows-1252 has no letter for are shown as such.
        text = content.decode("cp1252", errors="replace")
        notes.append(
            "the file is not UTF-8 and was read as Windows-1252 (Latin-1); if letters with accents "
            "are wrong, save it as UTF-8"
        )
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise InputError(
            f"{path} holds a NUL character in line {line}, which no text does; it may be damaged "
            "or of another kind, save it as CSV UTF-8 again"
        )
    if encoding.startswith(("utf-16", "utf-32")):
        notes.append(f"the file was read as {encoding[:6].upper()}")
    return Text(text.removeprefix("\ufeff"), tuple(notes))


def _unpacked(path: Path) -> tuple[bytes, bool]:
    """Return the bytes of a file, and whether they were packed with gzip."""
    content = whole(path, "a table of molecules")
    packed = content.startswith(GZIP)
    try:
        content = unpacked(content, f"{path}")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"cannot read {path} ({error}); check that the file is complete"
        ) from error
    if not content:
        raise InputError(f"{path} is empty (0 bytes), expected a header line and rows")
    for beginning, what, remedy in _BEGINNINGS:
        if content.startswith(beginning):
            raise InputError(f"{path} is {what}, expected text such as CSV; {remedy}")
    return content, packed


def _encoding(content: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return encoding
    begin = content[:_LOOKED_AT]
    if len(begin) > 1 and not any(begin[1::2]) and all(begin[::2]):
        return "utf-16-le"
    if len(begin) > 1 and not any(begin[::2]) and all(begin[1::2]):
        return "utf-16-be"
    return "utf-8"


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
