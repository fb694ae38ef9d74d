"""Tables of the command line as terminals of several widths and a pipe get them."""

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import polars as pl

from edgescope.cli import _results, main

WIDTHS = (60, 80, 100, 200, None)
"""Columns of the terminals; None is a pipe."""

FOLDER = Path(__file__).parents[1] / "cli" / "tables"
"""Where they are kept, a file per table."""


class Stream(io.StringIO):
    """Says that it is a terminal, or that it is none."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def command(*words):
    try:
        main(list(words))
    except SystemExit as ended:
        if ended.code:
            raise


def evidence():
    """Print a calibrated scan, whose numbers are the same on every machine."""
    sites = [f"layers.{number}.attention:score" for number in range(3)]
    frame = pl.DataFrame(
        {
            "site": sites,
            "axis": ["ratio", "magnitude", "ratio"],
            "threshold": [15.375, 1234567.0, 1e-12],
            "over": [0, 12_345_678, 8],
            "expected": [10.04, 123456.0, 10.04],
            "members_over": [3, 0, 4],
            "p": [0.0, 1.234e-300, 0.25],
            "q": [1.0, 2.34567e-298, 0.545455],
            "massive": [False, True, False],
        }
    )
    criterion = SimpleNamespace(members_tested=True)
    info = SimpleNamespace(criterion=criterion)
    _results.show_scan(SimpleNamespace(info=info, calibration=lambda: frame))


TABLES = {
    "rules": lambda: command("diagnose", "--list-rules"),
    "data_sets": lambda: command("data", "list"),
    "card": lambda: command("data", "list", "zinc12k"),
    "calibrated_scan": evidence,
}
"""Names of tables to what prints them."""


def printed(name, width, **environment):
    """Return what a table looks like in a terminal of a width, or in a pipe."""
    streams = [Stream(terminal=width is not None) for _ in range(2)]
    environment = {"NO_COLOR": "1", "COLUMNS": str(width or 80), "TERM": "xterm"} | environment
    known = mock.patch.dict(os.environ, environment)
    with known, redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        TABLES[name]()
    return "".join(stream.getvalue() for stream in streams)


def all_widths(name):
    """Return a table at all widths, as it is kept."""
    return "\n".join(f"== {width or 'pipe'}\n{printed(name, width)}" for width in WIDTHS)
