"""Tables of molecules: columns are checked, rows that cannot be used are listed with the reason."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
import polars as pl

from edgescope._files import readable_file
from edgescope.data.dataset import LOST_LABELS
from edgescope.data.split import parts_from_labels
from edgescope.data.table_split import column_of
from edgescope.errors import InputError, did_you_mean

CSV_SEPARATORS = {".csv": ",", ".tsv": "\t"}
PARQUET_SUFFIXES = (".parquet", ".pq")
MISSING = ("", "na", "n/a", "nan", "null", "none")
"""How tables write a missing number, in lower case."""


class Table(NamedTuple):
    """The columns that matter of a table of ``R`` rows.

    Attributes:
        smiles: ``R`` texts; None where the cell is empty.
        y: ``[R, T]`` float32, targets; NaN where one is missing.
        problems: reason why a row cannot be used at all, by row, counted from 0.
        part: ``[R]`` int8, 0 train, 1 val, 2 test, -1 where the table does not say.
        target_names: ``T`` names of columns.
        first_row: number of the first row as the user sees it: 2 in a file with a header, as a
            spreadsheet counts; 0 in a data frame.
        target_units: unit of every target, empty where its column names none; or none at all.
        lost_labels: cells that give no label, a row each
            (:data:`~edgescope.data.dataset.LOST_LABELS`), by the row that the user sees.
        identifiers: ``R`` texts by the name of each column that tells which molecule it is.
        notes: in a sentence each, what was taken from the table in another way than it stands
            there, such as commas read as decimal points.
    """

    smiles: list[str | None]
    y: np.ndarray
    problems: dict[int, str]
    part: np.ndarray
    target_names: tuple[str, ...]
    first_row: int = 0
    target_units: tuple[str, ...] = ()
    lost_labels: pl.DataFrame = pl.DataFrame(schema=LOST_LABELS)
    identifiers: Mapping[str, list[str | None]] = MappingProxyType({})
    notes: tuple[str, ...] = ()


class Frame(Protocol):
    """A data frame of polars or pandas."""

    @property
    def columns(self) -> Any:  # noqa: ANN401  (a list, or an index of pandas)
        """Names of the columns."""

    def __getitem__(self, name: Any, /) -> Any:  # noqa: ANN401  (a column)
        """Return a column."""


class Source(NamedTuple):
    """A table that is read only if its molecules are not known yet.

    Attributes:
        name: what messages call it.
        fingerprint: text that changes whenever ``read`` would give something else.
        read: reads the table.
    """

    name: str
    fingerprint: str
    read: Callable[[], Table]


def looks_like_a_table(source: str | Path) -> bool:
    """Tell a path from the name of a data set."""
    path = Path(source)
    return isinstance(source, Path) or len(path.parts) > 1 or bool(path.suffix) or path.is_file()


def table_source(
    path: Path, smiles_column: str, target_columns: Sequence[str], split_column: str | None
) -> Source:
    """Describe a CSV or Parquet file.

    Args:
        path: ``.csv``, ``.csv.gz``, ``.tsv``, ``.tsv.gz``, ``.parquet`` or ``.pq``.
        smiles_column: name of the column of SMILES.
        target_columns: names of columns of numbers.
        split_column: name of the column that says train, val (or valid) or test, or a split that
            is computed, for which the table then says nothing.

    Raises:
        InputError: if there is no such file or it is of another kind. Reading the table raises
            it as well: for a file that cannot be read, a missing column, an unknown label.
    """
    kind = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if kind.lower() not in (*CSV_SEPARATORS, *PARQUET_SUFFIXES):
        raise InputError(
            f"received {path} as a table, expected a file that ends in .csv, .tsv (or either with "
            ".gz) or .parquet; convert it first"
        )
    with readable_file(path, "a table of molecules").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    columns = [smiles_column, list(target_columns), split_column]

    def read() -> Table:
        frame = _read_frame(path, kind.lower())
        return select(frame, str(path), smiles_column, target_columns, split_column)

    return Source(str(path), json.dumps([digest, kind, columns]), read)


def frame_source(
    frame: Frame,
    smiles_column: str,
    target_columns: Sequence[str],
    split_column: str | None,
) -> Source:
    """Describe a table in memory, a data frame of polars or pandas; only its columns matter.

    Raises:
        InputError: if a column is not there. Reading the table raises it as well: for a column
            of lists, or an unknown label.
    """
    name = f"the {type(frame).__name__}"
    frame = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
    known = [str(each) for each in frame.columns]
    split_column = column_of(split_column, known, name)
    columns = [smiles_column, *target_columns, *([split_column] if split_column else [])]
    for column in columns:
        _check_column(column, known, name)
    held = _columns(frame, list(dict.fromkeys(columns)))
    digest = hashlib.sha256()
    for column in held.columns:
        digest.update(f"<{column} {held[column].dtype}>".encode())
        digest.update("\x1f".join(map(str, held[column].to_list())).encode())

    def read() -> Table:
        return select(held, name, smiles_column, target_columns, split_column)

    asked = [smiles_column, list(target_columns), split_column]
    return Source(name, json.dumps([digest.hexdigest(), "frame", asked]), read)


def _columns(frame: Frame, names: Sequence[str]) -> pl.DataFrame:
    """Return some columns of a data frame, with null where pandas has NaN for a missing text."""
    if isinstance(frame, pl.DataFrame):
        return frame.select(names)
    columns = {}
    for name in names:
        values = frame[name].tolist()
        texts = any(isinstance(value, str) for value in values)
        plain = [None if texts and not isinstance(value, str) else value for value in values]
        columns[name] = pl.Series(name, plain, strict=False)
    return pl.DataFrame(columns)


def select(
    frame: pl.DataFrame,
    name: str,
    smiles_column: str,
    target_columns: Sequence[str],
    split_column: str | None,
) -> Table:
    """Take the columns that matter out of a table; ``name`` is what messages call it.

    Raises:
        InputError: if a column is not there or holds lists, or a label of the split is unknown.
    """
    split_column = column_of(split_column, frame.columns, name)
    for column in (smiles_column, *target_columns, *([split_column] if split_column else [])):
        _check_column(column, frame.columns, name)
        if frame[column].dtype.is_nested():
            raise InputError(
                f"column {column!r} of {name} holds {frame[column].dtype}, expected text or "
                "numbers; name another column"
            )
    y = np.full((frame.height, len(target_columns)), np.nan, dtype=np.float32)
    problems: dict[int, str] = {}
    for position, column in enumerate(target_columns):
        y[:, position] = _numbers(frame[column], problems)
    if split_column is None:
        part = np.full(frame.height, -1, dtype=np.int8)
    else:
        labels = frame[split_column].cast(pl.String).to_list()
        part = parts_from_labels(labels, f"column {split_column!r} of {name}")
    smiles = frame[smiles_column].cast(pl.String).str.strip_chars().replace("", None)
    return Table(smiles.to_list(), y, problems, part, tuple(target_columns))


def _read_frame(path: Path, kind: str) -> pl.DataFrame:
    try:
        if kind in PARQUET_SUFFIXES:
            return pl.read_parquet(path)
        # Every cell stays text, so that a message can quote what stands in the file; other
        # columns may hold names in any encoding, which must not keep us from the SMILES.
        return pl.read_csv(
            path, separator=CSV_SEPARATORS[kind], infer_schema=False, encoding="utf8-lossy"
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        what = "Parquet" if kind in PARQUET_SUFFIXES else "CSV with one header line"
        raise InputError(
            f"cannot read {path} ({str(error).strip().partition(chr(10))[0]}); expected {what}; "
            "check that the file is complete"
        ) from error


def _check_column(column: str, columns: list[str], name: str) -> None:
    if column in columns:
        return
    if len(columns) == 1 and any(mark in columns[0] for mark in ",;\t|"):
        advice = "is the file separated by something other than its name says?"
    else:
        advice = did_you_mean(column, columns, "name one of these")
    raise InputError(f"{name} has no column {column!r}, only {', '.join(columns)}; {advice}")


def _numbers(column: pl.Series, problems: dict[int, str]) -> np.ndarray:
    """Read float32 numbers, ``[R]``; cells that hold something else are added to ``problems``."""
    text = column.cast(pl.String, strict=False).str.strip_chars()
    missing = text.is_null() | text.str.to_lowercase().is_in(MISSING)
    values = (
        (text if column.dtype == pl.String else column)
        .cast(pl.Float64, strict=False)
        .fill_null(float("nan"))
        .to_numpy()
        .astype(np.float32)
    )
    bad = ~np.isfinite(values) & ~missing.to_numpy()
    for row in bad.nonzero()[0].tolist():
        problems.setdefault(row, f"target {column.name!r} is not a finite number: {text[row]!r}")
    values[missing.to_numpy()] = np.nan
    return values


def numeric_columns(
    source: str | Path | Frame, base: Path | None, others: Sequence[str]
) -> tuple[str, ...]:
    """Name the columns of a table that hold numbers in most of their cells.

    Args:
        source: a file, or a data frame.
        base: the folder that a path is relative to.
        others: columns that are not asked about.
    """
    if isinstance(source, str | Path):
        path = Path(source) if base is None else base / source
        kind = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
        frame = _read_frame(path, kind.lower())
    else:
        frame = source.collect() if isinstance(source, pl.LazyFrame) else source  # type: ignore[assignment]
        frame = _columns(frame, [str(each) for each in frame.columns])
    found = []
    for name in frame.columns:
        if name in others or frame[name].dtype.is_nested():
            continue
        problems: dict[int, str] = {}
        values = _numbers(frame[name], problems)
        if np.isfinite(values).sum() > frame.height / 2:
            found.append(name)
    return tuple(found)
