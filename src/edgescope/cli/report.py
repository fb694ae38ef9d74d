"""`edgescope report`: write a scan, and the other results of a run, as one HTML file."""

from pathlib import Path
from typing import Annotated, Any

import typer

import edgescope as es
from edgescope.cli._steps import repeat_caution, report_run, saved_scan

SECTIONS = {
    "interpretation": "interpret",
    "ablation": "ablate",
    "leaderboard": "explain",
}
"""What a report can hold beside a scan, and the command that makes it."""

FOLDERS = {"interpretation": "interpret", "ablation": "ablation", "leaderboard": "explain"}
"""Where the command leaves it in the folder of a run."""


def command(
    folder: Annotated[Path, typer.Argument(help="Folder of a scanned run, or of a saved scan.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to write. Without it: report.html beside the scan."),
    ] = None,
) -> None:
    """Write the report of a scan: one HTML file that opens offline.

    A JSON file beside it holds the same numbers.

    The report of a run has a section for each of RUN/interpret, RUN/ablation and RUN/explain that
    exists, as saved by the commands interpret, ablate and explain.
    """
    if es.has_scan(folder):
        path = es.load_scan(folder).report(out or folder.parent / "report.html")
    else:
        run = es.train.RunFolder(folder)
        scan = saved_scan(run)
        sections = _sections(run.path)
        path = report_run(run, scan, out, **sections)
        missing = [f"edgescope {SECTIONS[name]}" for name in SECTIONS if name not in sections]
        found = f"sections: {', '.join(['scan', *sections])}"
        repeat_caution(run)
        typer.echo(f"{found}; for more: {', '.join(missing)}" if missing else found)
    typer.echo(f"open {path}")


def _sections(run: Path) -> dict[str, Any]:
    """Read the results beside the scan that the folder of a run holds."""
    load = {
        "interpretation": es.interpret.Interpretation.load,
        "ablation": es.Ablation.load,
        "leaderboard": es.attribute.Leaderboard.load,
    }
    return {
        name: load[name](run / folder)
        for name, folder in FOLDERS.items()
        if (run / folder).is_dir()
    }
