"""A leaderboard on disk: Parquet tables, and one JSON file for people and programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edgescope.lib.input_files import table_of
from edgescope.lib.manifest import Kind, Stored, stored, storing

if TYPE_CHECKING:
    import polars as pl

Board = TypeVar("Board")

_KIND = Kind("a leaderboard", "leaderboard.json", 2, "judge again")

_LATER = "molecules"
"""The table that folders of older versions lack."""


def save_leaderboard(
    folder: Path,
    tables: Mapping[str, "pl.DataFrame"],
    table: "pl.DataFrame",
    note: Mapping[str, Any],
) -> Path:
    """Write a leaderboard; one that is in ``folder`` is replaced at the end.

    ``leaderboard.json`` holds the settings, the sentences and the rows of the table;
    ``leaderboard.parquet`` the table; the other files bear the names of the tables.

    Args:
        folder: where to.
        tables: what the leaderboard holds, by name.
        table: what it tells, a row per method.
        note: its settings and sentences.

    Raises:
        InputError: if the folder cannot be written, or holds something else.
    """
    text = json.dumps({"format": _KIND.format, **note, "table": table.to_dicts()}, indent=1)
    with storing(folder, _KIND, _counts(tables)) as new:
        for name, each in tables.items():
            each.write_parquet(new / f"{name}.parquet")
        table.write_parquet(new / "leaderboard.parquet")
        (new / _KIND.marker).write_text(text, encoding="utf-8")
    return folder


def load_leaderboard(
    folder: Path,
    names: Sequence[str],
    build: Callable[[Mapping[str, "pl.DataFrame"], Mapping[str, Any], bool], Board],
) -> Board:
    """Read what :func:`save_leaderboard` wrote.

    Args:
        folder: where it is.
        names: of the tables.
        build: makes the leaderboard of tables and settings; the last argument says whether their
            sizes are unknown, as in a folder of an earlier version.

    Raises:
        InputError: if the folder holds no leaderboard, or a damaged one.
    """

    def read(files: Stored) -> Board:
        settings = files.json(_KIND.marker)["settings"]
        if not isinstance(settings, dict):
            raise TypeError("the settings are not a mapping")
        tables = {
            name: table_of(files.files[f"{name}.parquet"])
            for name in names
            if name != _LATER or f"{name}.parquet" in files.files
        }
        files.check(_counts(tables))
        return build(tables, settings, files.counts is None)

    return stored(folder, _KIND, read)


def _counts(tables: Mapping[str, "pl.DataFrame"]) -> dict[str, int]:
    """Count the rows of every table, to notice on loading what is missing."""
    return {name: table.height for name, table in tables.items()}
