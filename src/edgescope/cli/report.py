"""`edgescope report`: write a scan, and the other results of a run, as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli._steps import repeat_caution, report_run, saved_scan


def command(
    folder: Annotated[Path, typer.Argument(help="Folder of a scanned run, or of a saved scan.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to write. Without it: report.html beside the scan."),
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
    """Write the report of a scan: one HTML file that opens offline.

    A JSON file beside it holds the same numbers.

    The report of a run has a section for each result that is there of the commands interpret,
    ablate, explain and diagnose: RUN/interpret, RUN/ablation, RUN/explain and RUN/findings.json.
    """
    if es.has_scan(folder):
        results = es.report.stored_results(None, diagnosis=diagnosis)
        path = es.load_scan(folder).report(out or folder.parent / "report.html", **results)
    else:
        run = es.train.RunFolder(folder)
        scan = saved_scan(run)
        results = es.report.stored_results(run.path, diagnosis=diagnosis)
        path = report_run(run, scan, out, **results)
        missing = [
            f"edgescope {need.command}"
            for need in es.report.all_needs()
            if need.command and need.option not in results
        ]
        found = f"sections: {', '.join(['scan', *results])}"
        repeat_caution(run)
        typer.echo(f"{found}; for more: {', '.join(missing)}" if missing else found)
    typer.echo(f"open {path}")
