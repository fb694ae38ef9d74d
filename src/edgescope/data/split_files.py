"""Splits given as files of row or node numbers, one per part."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from edgescope.data.split import PARTS
from edgescope.lib.errors import InputError
from edgescope.lib.files import readable_file
from edgescope.lib.input_files import DAMAGED, reason


def parts_from_files(paths: Sequence[Path], count: int, what: str) -> np.ndarray:
    """Read which part each of ``count`` rows or nodes belongs to.

    Args:
        paths: files of the training, validation and test part: one number per line.
        count: how many rows or nodes there are.
        what: what the numbers are of, such as ``"row"``.

    Returns:
        ``[count]`` int8, 0 train, 1 val, 2 test.

    Raises:
        InputError: if a file is missing or damaged, or the numbers are not those of all rows,
            each once: a number in two files would leak from one part into the other.
    """
    part = np.full(count, -1, dtype=np.int8)
    for number, path in enumerate(paths):
        chosen = read_numbers(path, count)
        if (part[chosen] >= 0).any():
            row = int(chosen[part[chosen] >= 0][0])
            raise InputError(
                f"{path} holds {what} {row}, which is also in the {PARTS[part[row]]} part; a split "
                f"must not leak, so each {what} belongs in one file"
            )
        part[chosen] = number
    if (part < 0).any():
        raise InputError(
            f"the files in {paths[0].parent} hold {int((part >= 0).sum())} of {count} {what}s, "
            f"expected each {what} in one of them; {what} {int((part < 0).argmax())} is missing, "
            "get the split again"
        )
    return part


def read_numbers(path: Path, limit: int) -> np.ndarray:
    """Read a file of row or node numbers, one per line, ``[N]`` int64.

    Raises:
        InputError: if there is no such file, it is damaged, or a number is outside 0 to
            ``limit - 1`` or occurs twice.
    """
    frame = read_columns(path, {"number": pl.Int64}, "one whole number per line")
    numbers = frame["number"].to_numpy()
    if not numbers.size or numbers.min() < 0 or numbers.max() >= limit:
        found = f"{numbers.min()} to {numbers.max()}" if numbers.size else "nothing"
        raise InputError(
            f"{path} holds {found}, expected numbers from 0 to {limit - 1}; get the file again"
        )
    if len(np.unique(numbers)) < len(numbers):
        raise InputError(f"{path} holds a number twice, expected each once; get the file again")
    return numbers


def read_columns(path: Path, schema: dict[str, type[pl.DataType]], what: str) -> pl.DataFrame:
    """Read a CSV file of numbers without header, packed with gzip or not.

    Raises:
        InputError: if there is no such file, or it is cut short, has other columns, or holds
            something else than numbers.
    """
    readable_file(path, f"a file of {what}")
    try:
        frame = pl.read_csv(path, has_header=False, schema=schema)
    except DAMAGED as error:
        raise InputError(
            f"cannot read {path} ({reason(error)}), expected {what}; it may be cut short, "
            "get it again"
        ) from error
    if frame.null_count().sum_horizontal().item():
        raise InputError(
            f"{path} has lines with fewer numbers than {len(schema)}, expected {what}; it may be "
            "cut short, get it again"
        )
    return frame
