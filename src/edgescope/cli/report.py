"""`edgescope report`: write a scan, and the other results of a run, as one HTML file."""

from pathlib import Path
from typing import Annotated, Any

import typer

import edgescope as es
from edgescope.cli import _own_model as own
from edgescope.cli._run_report import report_run, run_facts
from edgescope.cli._steps import repeat_caution, saved_scan
from edgescope.lib.errors import InputError

TWO = 2
"""Scans that can be shown side by side."""


def command(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Folder of a scanned run, or of a saved scan; with a second one, the two are "
            "shown side by side.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File to write. Without it: report.html beside the scan, or comparison.html if "
            "there are two.",
        ),
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
    ablate, causes, precision, explain and diagnose: RUN/interpret, RUN/ablation, RUN/causes,
    RUN/constancy, RUN/precision, RUN/explain and RUN/findings.json.
    With a second run or scan, such as after a remedy or of another seed, the page begins with the
    two side by side; all else on it is about the first one.

    \b
    Examples:
      edgescope report RUN
      edgescope report RUN OTHER
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    if len(folders) > TWO:
        raise InputError(f"received {len(folders)} folders, expected one, or two to compare")
    folder, *others = folders
    beside = {"beside": _beside(folder, others[0])} if others else {}
    page = "comparison.html" if others else "report.html"
    if es.has_scan(folder):
        results = es.report.stored_results(None, diagnosis=diagnosis)
        scan = es.load_scan(folder)
        path = scan.report(out or folder.parent / page, **results, **beside)
    elif (record := es.train.ModelRecord.read(folder)) is not None:
        path = _of_own_model(folder, record, out or folder / page, diagnosis, beside)
    else:
        run = own.open_folder(str(folder), "report")
        scan = saved_scan(run)
        results = es.report.stored_results(run.path, diagnosis=diagnosis)
        path = report_run(run, scan, out or run.path / page, **results, **beside)
        missing = [
            f"edgescope {need.command}"
            for need in es.report.all_needs()
            if need.command and need.option not in results
        ]
        found = f"sections: {', '.join(['scan', *results])}"
        repeat_caution(run)
        typer.echo(f"{found}; for more: {', '.join(missing)}" if missing else found)
    typer.echo(f"open {path}")


def _beside(folder: Path, other: Path) -> "es.report.Beside":
    """Return the scan in another folder, to be shown beside the one in the first."""
    facts: dict[str, Any] = {}
    if es.has_scan(other) or es.train.ModelRecord.read(other) is not None:
        scan = es.load_scan(other)
    else:
        run = own.open_folder(str(other), "report")
        scan = saved_scan(run)
        facts = run_facts(run, scan)
    names = [_called(each) for each in (folder, other)]
    if names[0] == names[1]:
        names = [str(folder), str(other)]
    return es.report.Beside(scan, name=names[1], own=names[0], run=facts)


def _called(folder: Path) -> str:
    """Return the name of a run, or of the run that a saved scan is in."""
    whole = folder.absolute()
    return whole.parent.name if whole.name == "scan" else whole.name


def _of_own_model(
    folder: Path,
    record: "es.train.ModelRecord",
    out: Path,
    diagnosis: Path | None,
    beside: dict[str, Any],
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
    path = scan.report(out, run=facts, commands=commands, **results, **beside)
    typer.echo(f"sections: {', '.join(['scan', *results])}")
    for option, command in commands.items():
        if option not in results:
            typer.echo(f"  for more: {command}")
    return path
