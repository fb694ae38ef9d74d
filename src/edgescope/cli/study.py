"""`edgescope study`: a grid of cells, its tables and figures; twins; the dossier."""

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

import edgescope as es
from edgescope.cli._dossier import dossier
from edgescope.cli._modes import Choice, command_with
from edgescope.cli._nodes import nodes
from edgescope.cli._tables import hint, note, show
from edgescope.cli._twins import TWINS_CHOICES, twins

FAILED = 1
"""Exit code if a cell failed."""

app = typer.Typer(
    help="Run a grid of models, data sets and seeds; tables, figures.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(help="Folder of a study.")]


RUN_CHOICES = (
    Choice(
        {"with --dry-run": (), "in a run": ("ray", "workers")},
        lambda given: "with --dry-run" if given["dry_run"] else "in a run",
    ),
)
"""What has an effect in a run only."""


@app.command(cls=command_with(*RUN_CHOICES))
def run(
    study: Annotated[
        str,
        typer.Argument(
            help="A YAML file (see docs/study.md), or the name of a built-in study: mitigation, "
            "mitigation-small, paper or paper-small."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the study; not needed with --dry-run.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="[ADDRESS]",
            help="Run cells as tasks of the Ray cluster at this address (auto: the cluster of this "
            "machine). Without an address: of Ray started on this machine.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells and run none.")
    ] = False,
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder of the data sets; overrides the file.")
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", help="Seed; overrides the file; may be repeated.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Maximum number of epochs; overrides the file.")
    ] = None,
    subset: Annotated[
        int | None,
        typer.Option("--subset", help="Maximum number of graphs of each part; overrides the file."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="Number of cells to run side by side; overrides the file."
        ),
    ] = None,
) -> None:
    """Run the cells of a study that are not done yet.

    After an interruption the same command resumes and ends with the same tables. A cell that fails
    does not stop the others: its log is named at the end, the exit code is 1, and the same command
    tries it again.
    """
    spec = es.study.read(
        study, root=root, seeds=seed, epochs=epochs, subset=subset, workers=workers
    )
    if dry_run:
        _list_cells(spec, out)
        return
    if out is None:
        raise typer.BadParameter("--out is missing, the folder of the study")
    endings = es.study.run(spec, out, ray=ray)
    failed = [ending for ending in endings if ending.status != "done"]
    typer.echo(f"{len(endings) - len(failed)} of {len(endings)} cells are done")
    hint(f"next: edgescope study table {out}")
    for ending in failed:
        log = out / "cells" / ending.cell.name / "log.txt"
        typer.echo(f"failed: {ending.cell.name}: {ending.reason}; log: {log}", err=True)
    if failed:
        raise typer.Exit(FAILED)


@app.command(cls=command_with())
def table(
    folder: Folder,
    name: Annotated[
        str | None,
        typer.Argument(help="Name of one table, such as metrics, or of a result table (sites)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder to write the tables to, as CSV and as LaTeX."),
    ] = None,
) -> None:
    """Print the tables of a study from its stored results; nothing is run.

    The test metric without and with the explicit bias term, over seeds; which layers exceed which
    thresholds; what variants of a recipe do to massive activations and to the test metric; and
    whether prevalence correlates with the test metric.
    """
    study = _open(folder)
    tables = es.study.tables(study) if name is None else {name: es.study.table(study, name)}
    for each, found in tables.items():
        if (each != "cells" or name) and found.published.height:
            typer.echo(f"{found.title}\n")
            show(found.published, each)
            typer.echo("")
    if out is not None:
        es.study.write_tables(tables, out)
    for line in es.study.cautions(study):
        typer.echo(line)


@app.command(cls=command_with(tables=False))
def figure(
    folder: Folder,
    name: Annotated[
        list[str] | None,
        typer.Argument(
            help="grid, prevalence, histograms, heat-maps or mitigation; several may be given. "
            "Without any: grid and prevalence."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write to. Without it: FOLDER.")
    ] = None,
    suffix: Annotated[
        str, typer.Option("--format", metavar="svg|png|pdf", help="Format of the files.")
    ] = "svg",
) -> None:
    """Draw the figures of a study from its stored results; nothing is run.

    grid: the sorted largest ratio of every graph, trained layers over the range of the untrained
    ones; prevalence: the test metric of every cell over its massive activations; histograms: of
    every layer's ratios, with the gamma law; heat-maps: which heads and channels are massive, by
    edge type; mitigation: what variants of a recipe do, a panel for each measure.
    """
    names = name or ["grid", "prevalence"]
    place = folder if out is None else out
    for path in es.study.write_figures(_open(folder), place, suffix, names):
        typer.echo(f"open {path}")


def with_ray_address(words: list[str]) -> list[str]:
    """Return a command line with ``--ray local`` for ``--ray`` without an address.

    Typer has no options with an optional value.
    """
    spelled = []
    for word, following in zip(words, [*words, ""][1:], strict=True):
        spelled.append(word)
        if word == "--ray" and following not in {"auto", "local"} and ":" not in following:
            spelled.append("local")
    return spelled


def _open(folder: Path) -> "es.study.Study":
    study = es.study.load(folder)
    left = len(study.cells) - len(study.finished)
    if left:
        note(f"{left} of {len(study.cells)} cells are not done yet and left out")
    return study


_DONE = {"nothing": "yes", "measures": "without all measures", "all": "no"}


def _list_cells(spec: "es.study.StudySpec", out: Path | None) -> None:
    cells = es.study.plan(spec)
    left = {} if out is None else es.study.work_left(spec, out)
    rows = [
        {
            "model": cell.label,
            "data": cell.data,
            "state": cell.state,
            "seed": cell.seed,
            "epochs": None if cell.state == "untrained" else cell.recipe.max_epochs,
            "done": _DONE[left.get(cell.name, "all")],
            "folder": cell.name,
        }
        for cell in cells
    ]
    show(pl.DataFrame(rows, infer_schema_length=None), "cells", spare=("epochs",))
    typer.echo(f"\n{len(cells)} cells")


app.command(cls=command_with(*TWINS_CHOICES))(twins)
app.command(cls=command_with())(dossier)
app.command(cls=command_with())(nodes)
