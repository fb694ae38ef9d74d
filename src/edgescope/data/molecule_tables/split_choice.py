"""How a table is divided: by a column, files of row numbers, at random, or by scaffold."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from edgescope.data.chemistry.molecule_dataset import MoleculeDataset
from edgescope.data.chemistry.scaffolds import balanced_scaffold_parts
from edgescope.data.splits import DEFAULT_FRACTIONS, PARTS, check_fractions, random_parts
from edgescope.lib.errors import InputError, did_you_mean
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


COMPUTED = ("random", "scaffold")
"""Splits that are computed; a column of that name makes the word ambiguous."""

SplitOption = str | int | Sequence[float] | Sequence[str | float] | None
"""What ``split`` takes: a column, a way, fractions, or a way with its fractions."""


class TableSplit(NamedTuple):
    """How a table is divided.

    Attributes:
        way: ``"column"``, ``"random"`` or ``"scaffold"``.
        word: name of the column, or the word that may be one; None if fractions were given.
        fractions: sizes of train, val and test, where they are computed.
    """

    way: str
    word: str | None
    fractions: tuple[float, float, float] = DEFAULT_FRACTIONS

    @property
    def column(self) -> str | None:
        """Name of the column that says which part a row belongs to."""
        return self.word if self.way == "column" else None


def read_split(split: SplitOption) -> TableSplit:
    """Read the option ``split`` of a table.

    A way with its fractions, as in ``("scaffold", 0.7, 0.1, 0.2)``, is never a column.

    Raises:
        InputError: if it is none of :data:`SplitOption`.

    Example:
        >>> read_split("scaffold").way, read_split("part").way, read_split((0.8, 0.1, 0.1)).way
        ('scaffold', 'column', 'random')
    """
    if split is None:
        return TableSplit("random", None)
    if isinstance(split, str):
        return TableSplit(split if split in COMPUTED else "column", split)
    if not isinstance(split, Sequence | np.ndarray):
        raise InputError(
            f"received split={split!r}, expected the name of a column, 'scaffold', 'random', or "
            "fractions such as (0.8, 0.1, 0.1)"
        )
    way, rest = "random", list(split)
    if isinstance(split[0] if len(split) else None, str):
        way, rest = str(split[0]), rest[1:]
        if way not in COMPUTED:
            raise InputError(
                f"received split={tuple(split)}, expected {' or '.join(map(repr, COMPUTED))} before"
                f" the fractions; {did_you_mean(way, COMPUTED, 'a column is given by its name')}"
            )
    fractions = [each for each in rest if isinstance(each, int | float | np.number)]
    if len(fractions) < len(rest):
        raise InputError(
            f"received split={tuple(split)}, expected fractions such as (0.8, 0.1, 0.1), or a way "
            "before them as in ('scaffold', 0.8, 0.1, 0.1)"
        )
    if not fractions and len(rest) < len(split):
        return TableSplit(way, None)
    return TableSplit(way, None, check_fractions(fractions))


def computed_split(text: str) -> list[str | float]:
    """Read a split in words, as the command line takes it: a way, or a way and its fractions.

    Args:
        text: such as ``"scaffold"`` or ``"scaffold,0.7,0.1,0.2"``; never the name of a column.

    Returns:
        The way and three fractions, which :func:`edgescope.data.load` takes as ``split``.

    Raises:
        InputError: if it is no split that can be computed, or if numbers are expected and missing.

    Example:
        >>> computed_split("scaffold,0.7,0.1,0.2"), computed_split("random")
        (['scaffold', 0.7, 0.1, 0.2], ['random', 0.8, 0.1, 0.1])
    """
    way, *fractions = (word.strip() for word in text.split(","))
    if way not in COMPUTED:
        advice = did_you_mean(way, COMPUTED, "a column is named by --split-column")
        raise InputError(f"received --split {text}, expected {' or '.join(COMPUTED)}; {advice}")
    try:
        return [way, *(map(float, fractions) if fractions else DEFAULT_FRACTIONS)]
    except ValueError:
        raise InputError(
            f"received --split {text}, expected numbers after {way}, as in {way},0.7,0.1,0.2"
        ) from None


def column_of(word: str | None, columns: Sequence[str], name: str) -> str | None:
    """Return the column that is meant by the word given as ``split``; None if it is computed.

    Args:
        word: a column, or one of :data:`COMPUTED`, or None.
        columns: names of the table's columns.
        name: what messages call the table.

    Raises:
        InputError: if it is both, or is no column and near to a split that is computed.
    """
    if word is None:
        return None
    if word in columns and word in COMPUTED:
        shown = ", ".join(map(str, DEFAULT_FRACTIONS))
        raise InputError(
            f"received split={word!r}, and {name} has a column {word!r}; to compute the split give "
            f"split=({word!r}, {shown}) or --split {word}, to use the column give it another name"
        )
    near = "" if word in columns else did_you_mean(word, (*columns, *COMPUTED), "")
    if word not in COMPUTED and any(repr(way) in near for way in COMPUTED):
        raise InputError(f"{name} has no column {word!r} to divide it by; {near}")
    return None if word in COMPUTED else word


def computed_parts(
    split: TableSplit, molecules: MoleculeDataset, rows: int, seed: int
) -> tuple[np.ndarray, str]:
    """Divide a table as asked.

    Args:
        split: at random or by scaffold.
        molecules: all usable molecules of the table.
        rows: how many rows it has.
        seed: start of a random split; a split by scaffold has none.

    Returns:
        ``[R]`` int8, 0 train, 1 val, 2 test for every row, and how they were made, in words.
    """
    texts, usable = molecules.table_smiles(rows)
    if split.way == "scaffold":
        parts = balanced_scaffold_parts(texts, usable, split.fractions, molecules.name)
        return parts, "scaffold, computed"
    return random_parts(usable, split.fractions, seed), f"random, seed {seed}"
