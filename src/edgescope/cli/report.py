"""`edgescope report`: write a scan, and the other results of a run, as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli import _own_model as own
from edgescope.cli._steps import repeat_caution, report_run, saved_scan
from edgescope.lib.errors import InputError


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
    elif (record := es.train.ModelRecord.read(folder)) is not None:
        path = _of_own_model(folder, record, out, diagnosis)
    else:
        run = own.open_folder(str(folder), "report")
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


def _of_own_model(
    folder: Path, record: "es.train.ModelRecord", out: Path | None, diagnosis: Path | None
) -> Path:
    """Write the report of a model of one's own, of whose code nothing is run."""
    words = record.words
    if not es.has_scan(folder / "scan"):
        raise InputError(f"{folder} has not been scanned; type: {words.command('scan', folder)}")
    results = es.report.stored_results(folder, diagnosis=diagnosis)
    facts: dict[str, object] = {"model": words.model, "loader": words.loader or words.model}
    if words.checkpoint:
        facts["weights"] = words.checkpoint
    if words.arguments:
        facts["arguments"] = ", ".join(f"{name}={value}" for name, value in words.arguments.items())
    commands = {
        need.option: words.command(need.command, folder)
        for need in es.report.all_needs()
        if need.command
    }
    scan = es.load_scan(folder / "scan")
    path = scan.report(out or folder / "report.html", run=facts, commands=commands, **results)
    typer.echo(f"sections: {', '.join(['scan', *results])}")
    for option, command in commands.items():
        if option not in results:
            typer.echo(f"  for more: {command}")
    return path
