"""A leaderboard on disk: Parquet tables, and one JSON file for people and programs."""

import json
from pathlib import Path

from edgescope.attribute.board import Leaderboard, no_molecules
from edgescope.lib.input_files import table_of
from edgescope.lib.manifest import Kind, Stored, stored, storing

_KIND = Kind("a leaderboard", "leaderboard.json", 2, "judge again")

_LATER = "molecules"
"""The table that folders of older versions lack."""


def save_leaderboard(board: Leaderboard, folder: Path) -> Path:
    """Write a leaderboard; one that is in ``folder`` is replaced at the end.

    ``leaderboard.json`` holds the settings, the sentences and the rows of the table;
    ``leaderboard.parquet`` the table; the other files bear the names of the tables.

    Raises:
        InputError: if the folder cannot be written, or holds something else.
    """
    table = board.table()
    note = {
        "format": _KIND.format,
        "settings": dict(board.settings),
        "sentences": board.sentences(),
        "table": table.to_dicts(),
    }
    text = json.dumps(note, indent=1)
    with storing(folder, _KIND, _counts(board)) as new:
        for name in Leaderboard.tables():
            getattr(board, name).write_parquet(new / f"{name}.parquet")
        table.write_parquet(new / "leaderboard.parquet")
        (new / _KIND.marker).write_text(text, encoding="utf-8")
    return folder


def load_leaderboard(folder: Path) -> Leaderboard:
    """Read what :func:`save_leaderboard` wrote.

    Raises:
        InputError: if the folder holds no leaderboard, or a damaged one.
    """
    return stored(folder, _KIND, _read)


def _read(files: Stored) -> Leaderboard:
    settings = files.json(_KIND.marker)["settings"]
    if not isinstance(settings, dict):
        raise TypeError("the settings are not a mapping")
    tables = {
        name: table_of(files.files[f"{name}.parquet"])
        for name in Leaderboard.tables()
        if name != _LATER or f"{name}.parquet" in files.files
    }
    board = Leaderboard(**{_LATER: no_molecules(), **tables}, settings=settings)
    files.check(_counts(board))
    if files.counts is None:
        board.sentences()  # raises now if a column is missing, rather than in a report
    return board


def _counts(board: Leaderboard) -> dict[str, int]:
    """Count the rows of every table, to notice on loading what is missing."""
    return {name: getattr(board, name).height for name in Leaderboard.tables()}
