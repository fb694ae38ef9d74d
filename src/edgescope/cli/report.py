"""`edgescope report`: write a scan as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli._steps import report_run
from edgescope.errors import InputError


def command(
    folder: Annotated[Path, typer.Argument(help="Folder of a scanned run, or of a saved scan.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write; beside the scan by default.")
    ] = None,
) -> None:
    """Write a report that opens without a network, with the same numbers in a JSON file."""
    if (folder / "scan.json").is_file():
        path = es.load_scan(folder).report(out or folder.parent / "report.html")
    else:
        run = es.train.RunFolder(folder)
        if not (folder / "scan" / "scan.json").is_file():
            raise InputError(f"{folder} has not been scanned; run: edgescope scan {folder}")
        path = report_run(run, es.load_scan(folder / "scan"), out)
    typer.echo(f"open {path}")
