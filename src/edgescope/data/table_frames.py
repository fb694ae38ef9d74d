"""Data frames of polars and pandas as columns."""

from numbers import Integral, Real
from typing import Any, Protocol

import polars as pl

from edgescope.data.columns import Grid
from edgescope.lib.errors import InputError


class Frame(Protocol):
    """A data frame of polars or pandas."""

    @property
    def columns(self) -> Any:  # noqa: ANN401  (a list, or an index of pandas)
        """Names of the columns."""

    def __getitem__(self, name: Any, /) -> Any:  # noqa: ANN401  (a column)
        """Return a column."""


def frame_grid(frame: Any, name: str) -> Grid:  # noqa: ANN401  (a Frame, or a LazyFrame)
    """Take a data frame as columns; rows are numbered by position from 0.

    Args:
        frame: of polars or pandas.
        name: what messages call it.

    Raises:
        InputError: if its columns have names of several levels.
    """
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        polars = frame
        return Grid(
            polars.columns, lambda position: _plain_series(polars.to_series(position)), frame.height
        )
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise InputError(
            f"{name} has columns with names of {frame.columns.nlevels} levels, expected one; join "
            "them, as in frame.columns = ['_'.join(map(str, each)) for each in frame.columns]"
        )
    header = [str(each) for each in frame.columns]

    def column(position: int) -> pl.Series:
        return series(header[position], frame.iloc[:, position].tolist())

    return Grid(header, column, len(frame))


def _plain_series(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Object:
        return series(column.name, column.to_list())
    return column


def series(name: str, values: list[Any]) -> pl.Series:
    """Return values of any kind as a column of numbers or of text, null where one is missing."""
    plain = [None if _missing(value) else value for value in values]
    kinds = {type(value) for value in plain if value is not None}
    if bool not in kinds and all(issubclass(kind, Real) for kind in kinds):
        if all(issubclass(kind, Integral) for kind in kinds):
            whole = [None if value is None else int(value) for value in plain]
            if all(value is None or abs(value) < 2**63 for value in whole):
                return pl.Series(name, whole, dtype=pl.Int64)
        else:
            wide = [None if value is None else float(value) for value in plain]
            return pl.Series(name, wide, dtype=pl.Float64)
    nested = next((value for value in plain if isinstance(value, list | tuple | dict | set)), None)
    if nested is not None:
        return pl.Series(name, plain, dtype=pl.Object)
    return pl.Series(name, [_text(value) for value in plain], dtype=pl.String)


def _missing(value: object) -> bool:
    """Tell None, NaN, and pandas' own marks, whose comparisons give no truth value."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and value != value  # noqa: PLR0124  (NaN)


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return None if value is None else str(value)
