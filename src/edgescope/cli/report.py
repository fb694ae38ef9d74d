"""`edgescope report`: write a scan, and what else a run's folder holds, as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli._steps import repeat_caution, report_run
from edgescope.lib.errors import InputError
from edgescope.scanning.store import has_scan


def command(
    folder: Annotated[Path, typer.Argument(help="Folder of a scanned run, or of a saved scan.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write; beside the scan by default.")
    ] = None,
    diagnosis: Annotated[
        Path | None,
        typer.Option(
            "--diagnosis",
            metavar="FILE",
            help="Findings that edgescope diagnose --format json --out FILE has written. "
            "Without it: those of the last edgescope diagnose RUN.",
        ),
    ] = None,
) -> None:
    """Write a report that opens without a network, with the same numbers in a JSON file.

    The report of a run has a section for each result that is there of the commands interpret,
    ablate, explain and diagnose, as RUN/interpret, RUN/ablation, RUN/explain and
    RUN/findings.json.
    """
    if has_scan(folder):
        results = es.report.stored_results(None, diagnosis=diagnosis)
        path = es.load_scan(folder).report(out or folder.parent / "report.html", **results)
    else:
        run = es.train.RunFolder(folder)
        if not has_scan(folder / "scan"):
            raise InputError(f"{folder} has not been scanned; run: edgescope scan {folder}")
        results = es.report.stored_results(run.path, diagnosis=diagnosis)
        path = report_run(run, es.load_scan(folder / "scan"), out, **results)
        missing = [
            f"edgescope {need.command}"
            for need in es.report.all_needs()
            if need.command and need.option not in results
        ]
        found = f"sections: {', '.join(['scan', *results])}"
        repeat_caution(run)
        typer.echo(f"{found}; for more: {', '.join(missing)}" if missing else found)
    typer.echo(f"open {path}")
