"""A leaderboard on disk: Parquet tables, and one JSON file for people and programs."""

import json
from pathlib import Path

import polars as pl

from edgescope._files import reading_folder, replacing_folder
from edgescope.attribute.board import Leaderboard, no_molecules
from edgescope.errors import InputError

_MARKER = "leaderboard.json"

_LATER = "molecules"
"""The table that folders of older versions lack."""


def save_leaderboard(board: Leaderboard, folder: Path) -> Path:
    """Write a leaderboard; one that is in ``folder`` is replaced at the end.

    ``leaderboard.json`` holds the settings, the sentences and the rows of the table;
    ``leaderboard.parquet`` the table; the other files bear the names of the tables.

    Raises:
        InputError: if the folder cannot be written, or holds something else.
    """
    with replacing_folder(folder, _MARKER, "not a leaderboard") as temporary:
        temporary.mkdir()
        for name in Leaderboard.tables():
            getattr(board, name).write_parquet(temporary / f"{name}.parquet")
        table = board.table()
        table.write_parquet(temporary / "leaderboard.parquet")
        note = {
            "settings": dict(board.settings),
            "sentences": board.sentences(),
            "table": table.to_dicts(),
        }
        (temporary / _MARKER).write_text(json.dumps(note, indent=1), encoding="utf-8")
    return folder


def load_leaderboard(folder: Path) -> Leaderboard:
    """Read what :func:`save_leaderboard` wrote.

    Raises:
        InputError: if the folder holds no leaderboard, or a damaged one.
    """
    note = folder / _MARKER
    if not note.is_file():
        raise InputError(f"expected a leaderboard with {_MARKER} at {folder}, found none there")
    with reading_folder(folder, "a leaderboard", "judge again"):
        settings = json.loads(note.read_text(encoding="utf-8"))["settings"]
        names = set(Leaderboard.tables()) - {_LATER}
        tables = {name: pl.read_parquet(folder / f"{name}.parquet") for name in names}
        later = folder / f"{_LATER}.parquet"
        tables[_LATER] = pl.read_parquet(later) if later.is_file() else no_molecules()
    return Leaderboard(**tables, settings=settings)
