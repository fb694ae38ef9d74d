"""What every command prints, in one place: tables for a terminal, a pipe or ``--json``; notes.

A command prints a table by :func:`show`, what is said beside its result by :func:`note`, and what
to do next by :func:`hint`. With ``--json`` standard output holds one JSON object, of the tables by
name, and all sentences go to standard error.
"""

import json
import math
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

import typer

from edgescope.lib.progress import silent
from edgescope.lib.text_tables import Column, fold, lay_out, styled
from edgescope.lib.visible_text import visible

if TYPE_CHECKING:
    import polars as pl


@dataclass
class Output:
    """How a command prints.

    Attributes:
        json: whether standard output is one JSON object.
        quiet: whether only results, warnings and errors are printed.
        document: what that object holds by now.
    """

    json: bool = False
    quiet: bool = False
    document: dict[str, Any] = field(default_factory=dict)


_OUTPUT: ContextVar[Output] = ContextVar("output")


def output() -> Output:
    """Return how the command at hand prints."""
    return _OUTPUT.get(Output())


@contextmanager
def printing(*, json: bool, quiet: bool) -> Iterator[None]:
    """Print as ``--json`` and ``--quiet`` say; the JSON is printed at the end, also of a failure.

    Nothing is printed as JSON if the command ends in an error.
    """
    now = Output(json=json, quiet=quiet)
    token = _OUTPUT.set(now)
    try:
        with silent(quiet):
            if not json:
                yield
                return
            try:
                with redirect_stdout(sys.stderr):
                    yield
            except typer.Exit:
                _print_document(now)
                raise
            _print_document(now)
    finally:
        _OUTPUT.reset(token)


def _print_document(of: Output) -> None:
    typer.echo(json.dumps(of.document, indent=1, allow_nan=False, ensure_ascii=False))


def show(
    table: "pl.DataFrame",
    name: str,
    *,
    err: bool = False,
    spare: Sequence[str] = (),
    of: Mapping[str, Any] | None = None,
) -> None:
    """Print a table; in a terminal that is too narrow it folds, drops spare columns, or stacks.

    A pipe or a file gets all of it, a line per row. See :func:`edgescope.lib.text_tables.lay_out`.

    Args:
        table: what to print.
        name: what it is, its name in the object of ``--json``; rows of a further table of that
            name follow.
        err: whether to print it on standard error.
        spare: columns that a narrow terminal may do without, the first one first.
        of: what all rows are about, as printed above the table: further columns for ``--json``.
    """
    if output().json:
        rows = [{**(of or {}), **_plain(row)} for row in table.iter_rows(named=True)]
        output().document.setdefault(name, []).extend(rows)
        return
    columns = [
        Column(visible(column), [_cell(value) for value in table[column]], dtype.is_numeric())
        for column, dtype in table.schema.items()
    ]
    stream = sys.stderr if err else sys.stdout
    width = terminal_width(stream)
    laid = lay_out(columns, width, [each for each in spare if each in table.columns])
    if laid.lines:
        typer.echo(styled(laid, _bold if coloured(stream) else str), err=err)
    if laid.dropped:
        there = f"not shown in {width} columns: {', '.join(laid.dropped)}"
        said = f"{there}; a wider terminal, a pipe or --json has them"
        typer.echo("\n".join(fold(said, width or len(said))), err=True)


def tell(text: str, document: Mapping[str, Any]) -> None:
    """Print a result that is no table: as text, or as (a part of) the object of ``--json``."""
    if output().json:
        output().document.update(document)
    else:
        typer.echo(text, nl=False)


def note(text: str) -> None:
    """Say on standard error what is good to know beside a result; ``--quiet`` leaves it out."""
    if not output().quiet:
        typer.echo(text, err=True)


def hint(text: str) -> None:
    """Say what to do next; ``--quiet`` leaves it out."""
    if not output().quiet:
        typer.echo(text)


def terminal_width(stream: TextIO) -> int | None:
    """Return the columns of a terminal, None for a pipe or a file."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def coloured(stream: TextIO) -> bool:
    """Return whether to print codes of colours: in a terminal that has them, unless ``NO_COLOR``.

    See https://no-color.org: the variable counts if it is not empty.
    """
    return (
        stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") != "dumb"
    )


def _bold(line: str) -> str:
    return typer.style(line, bold=True)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else visible(str(value))


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row in values that JSON has words for; a number that is not finite is null."""
    return {
        name.strip(): None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
