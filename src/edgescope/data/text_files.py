"""Text files of tables: from bytes to text, whatever wrote them."""

import zlib
from pathlib import Path
from typing import NamedTuple

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
