"""`edgescope study`: a grid of cells, its tables and its figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

import edgescope as es
from edgescope.cli._modes import Choice, command_with
from edgescope.cli._steps import show

if TYPE_CHECKING:
    from edgescope.study import Study

FAILED = 1
"""Exit code if a cell has failed."""

app = typer.Typer(
    help="Run a grid of models, data sets, states and seeds, and make its tables and figures.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(help="Folder of a study.")]


RUN_CHOICES = (
    Choice(
        {"with --dry-run": (), "in a run": ("ray",)},
        lambda given: "with --dry-run" if given["dry_run"] else "in a run",
    ),
)
"""What has an effect in a run only."""


@app.command(cls=command_with(*RUN_CHOICES))
def run(
    study: Annotated[
        str,
        typer.Argument(
            help="A YAML file (docs/study.md says what is in it), or the name of a study that "
            "comes with edgescope: mitigation or mitigation-small."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the study; not needed for a dry run.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="[ADDRESS]",
            help="Run cells as tasks of the Ray cluster at this address (auto: the one that this "
            "machine is part of); without an address, of Ray started on this machine.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells and run none of them.")
    ] = False,
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder of the data sets' files, for the file's.")
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", help="Seeds, for the file's; may be repeated.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Epochs of every cell, for the file's.")
    ] = None,
    subset: Annotated[
        int | None,
        typer.Option("--subset", help="At most so many graphs of each part, for the file's."),
    ] = None,
) -> None:
    """Run the cells of a study that are not done yet.

    Stopped at any moment, the same command goes on from there and ends with the same tables.
    A cell that fails does not stop the others; its log is named at the end, the exit code is 1,
    and the same command tries it again.
    """
    spec = es.study.read(study, root=root, seeds=seed, epochs=epochs, subset=subset)
    if dry_run:
        _list_cells(es.study.plan(spec), out)
        return
    if out is None:
        raise typer.BadParameter("--out is needed, the folder of the study")
    endings = es.study.run(spec, out, ray=ray)
    failed = [ending for ending in endings if ending.status != "done"]
    typer.echo(
        f"{len(endings) - len(failed)} of {len(endings)} cells are done\n"
        f"next: edgescope study table {out}"
    )
    for ending in failed:
        log = out / "cells" / ending.cell.name / "log.txt"
        typer.echo(f"failed: {ending.cell.name}: {ending.reason}; log: {log}", err=True)
    if failed:
        raise typer.Exit(FAILED)


@app.command()
def table(
    folder: Folder,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write every table there too, as CSV and as LaTeX."),
    ] = None,
) -> None:
    """Print the tables of a study from what is stored; nothing is run.

    The test metric without and with the explicit bias term, over seeds; which layers exceed
    which thresholds; what variants of a recipe do to massive activations and to the test metric;
    and whether prevalence goes along with the test metric.
    """
    from edgescope.study import association, export
    from edgescope.study import study_tables as tables
    from edgescope.study.mitigation import mitigation, mitigation_as_text

    study = _open(folder)
    every = tables.cells(study)
    found = {
        "cells": (every, every),
        "metrics": (metrics := tables.metrics(every), tables.metrics_as_published(metrics)),
        "layers": (layers := tables.layers(study), tables.layers_as_published(layers)),
        "association": ((spearman := association.association(every)), spearman),
    }
    if any(cell.variant for cell in study.cells):
        found["mitigation"] = (variants := mitigation(study), mitigation_as_text(variants))
    for name, (whole, short) in found.items():
        if name != "cells" and short.height:
            typer.echo(f"{_TITLES[name]}\n")
            show(short)
            typer.echo("")
        if out is not None and whole.height:
            export.write_csv(whole, out / f"{name}.csv")
            export.write_latex(short, out / f"{name}.tex")
    for line in tables.cautions(study):
        typer.echo(line)


@app.command()
def figure(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write; the study's folder otherwise.")
    ] = None,
    suffix: Annotated[str, typer.Option("--format", help="svg, png or pdf.")] = "svg",
) -> None:
    """Draw the figures of a study from what is stored; nothing is run.

    grid: the sorted largest ratio of every graph, trained layers over the range of the untrained
    ones; prevalence: the test metric of every cell over its massive activations.
    """
    from edgescope.study import study_figures as figures

    for path in figures.write(_open(folder), folder if out is None else out, suffix):
        typer.echo(f"open {path}")


def with_ray_address(words: list[str]) -> list[str]:
    """Say ``--ray local`` where a command line says ``--ray`` without an address.

    Typer knows no options whose value may be left out.
    """
    spelled = []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        spelled.append(word)
        if word == "--ray" and following not in {"auto", "local"} and ":" not in following:
            spelled.append("local")
    return spelled


_TITLES = {
    "metrics": "Test metric: mean ± standard deviation over seeds",
    "layers": "Layers with an edge above the threshold (in brackets: in some seeds only)",
    "mitigation": "Variants: test metric, edges with a ratio above 1000, largest magnitude over "
    "the untrained median, attention logits at or beyond their limit",
    "association": "Prevalence of ratios above 1000 against the test metric (Spearman)",
}


def _open(folder: Path) -> "Study":
    study = es.study.load(folder)
    left = len(study.cells) - len(study.finished)
    if left:
        typer.echo(
            f"{left} of {len(study.cells)} cells are not done yet and are left out", err=True
        )
    return study


def _list_cells(cells: "list[es.study.Cell]", out: Path | None) -> None:
    from edgescope.study.cell_work import RESULT
    from edgescope.study.cells import folder_of

    rows = [
        {
            "model": cell.label,
            "data": cell.data,
            "state": cell.state,
            "seed": cell.seed,
            "epochs": None if cell.state == "untrained" else cell.recipe.max_epochs,
            "done": "yes" if out and (folder_of(cell, out) / RESULT).is_file() else "no",
            "folder": cell.name,
        }
        for cell in cells
    ]
    show(pl.DataFrame(rows, infer_schema_length=None))
    typer.echo(f"\n{len(cells)} cells")
