"""The command line: one command per file; it imports public names and ``edgescope.lib`` only."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

import edgescope
from edgescope.cli import (
    _twins,
    ablate,
    attack,
    causes,
    data,
    demo,
    diagnose,
    explain,
    imports,
    init,
    interpret,
    precision,
    report,
    scan,
    study,
    train,
)
from edgescope.cli._modes import command_with
from edgescope.lib.errors import EdgescopeError, EdgescopeWarning

INTERRUPTED = 130
"""Exit code after Ctrl-C, which is how typer reports it."""

app = typer.Typer(
    help="See what attention does on the edges of a graph neural network.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
commands = (
    *(demo, init, train, scan, diagnose, interpret, ablate, precision, causes, attack, explain),
    *(report, data),
)
for module in commands:
    checked = command_with(*getattr(module, "CHOICES", ()), tables=module not in {report, init})
    app.command(module.__name__.rpartition(".")[2], cls=checked)(module.command)
app.add_typer(study.app, name="study")
app.add_typer(imports.app, name="import")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgescope {edgescope.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error, for a bug report.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Accept the options that come before the command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process.

    Exit codes: 0 for success; 1 if `diagnose` or `data check` found something serious, or a cell
    of a study failed; 2 for input that cannot be used (one line on standard error says why); 130
    after an interruption.
    """
    words = study.with_ray_address(list(sys.argv[1:] if arguments is None else arguments))
    debug = "--debug" in words[:2]
    try:
        with _warnings_in_one_line():
            words = _twins.in_todays_words(words)
            code = app(words, prog_name="edgescope", standalone_mode=False)
    except (EdgescopeError, typer.TyperException) as error:
        if debug:
            raise
        _say(f"error: {_one_line(error)}")
        sys.exit(2)
    if code == INTERRUPTED and "data" in words[:2]:
        _say("interrupted; nothing was changed; run the same command again")
    elif code == INTERRUPTED:
        lost = "scan" in words and not any(word.startswith("--shards") for word in words)
        _say(
            "interrupted; nothing was kept; with --shards DIR a scan resumes where it stopped"
            if lost
            else "interrupted; finished work is kept; run the same command again to resume"
        )
    sys.exit(code or 0)


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print our own warnings as one line; show others as usual."""
    with warnings.catch_warnings():
        show_others = warnings.showwarning

        def show(
            message: Warning | str, category: type[Warning], *details: Any, **more: Any
        ) -> None:
            if issubclass(category, EdgescopeWarning):
                _say(f"warning: {message}")
            else:
                show_others(message, category, *details, **more)

        warnings.showwarning = show
        yield


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _one_line(error: Exception) -> str:
    message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
    return " ".join(message.split())
