"""`edgescope study`: a grid of cells, its tables and figures; the experiments on twins."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from warnings import warn

import polars as pl
import typer

import edgescope as es
from edgescope.cli._modes import Choice, command_with
from edgescope.cli._results import show
from edgescope.lib.errors import EdgescopeWarning

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
            help="A YAML file (see docs/study.md), or the name of a built-in study: mitigation or "
            "mitigation-small."
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
) -> None:
    """Run the cells of a study that are not done yet.

    After an interruption the same command resumes and ends with the same tables. A cell that fails
    does not stop the others: its log is named at the end, the exit code is 1, and the same command
    tries it again.
    """
    spec = es.study.read(study, root=root, seeds=seed, epochs=epochs, subset=subset)
    if dry_run:
        _list_cells(es.study.plan(spec), out)
        return
    if out is None:
        raise typer.BadParameter("--out is missing, the folder of the study")
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
        typer.Option("--out", help="Folder to write every table to, as CSV and as LaTeX."),
    ] = None,
) -> None:
    """Print the tables of a study from its stored results; nothing is run.

    The test metric without and with the explicit bias term, over seeds; which layers exceed which
    thresholds; what variants of a recipe do to massive activations and to the test metric; and
    whether prevalence correlates with the test metric.
    """
    study = _open(folder)
    tables = es.study.tables(study)
    for name, found in tables.items():
        if name != "cells" and found.published.height:
            typer.echo(f"{found.title}\n")
            show(found.published)
            typer.echo("")
    if out is not None:
        es.study.write_tables(tables, out)
    for line in es.study.cautions(study):
        typer.echo(line)


@app.command()
def figure(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write to. Without it: FOLDER.")
    ] = None,
    suffix: Annotated[
        str, typer.Option("--format", metavar="svg|png|pdf", help="Format of the files.")
    ] = "svg",
) -> None:
    """Draw the figures of a study from its stored results; nothing is run.

    grid: the sorted largest ratio of every graph, trained layers over the range of the untrained
    ones; prevalence: the test metric of every cell over its massive activations.
    """
    for path in es.study.write_figures(_open(folder), folder if out is None else out, suffix):
        typer.echo(f"open {path}")


class Experiment(StrEnum):
    """One experiment on nodes with the same neighbours."""

    a = "a"
    b = "b"
    c = "c"
    d = "d"
    all = "all"


TWINS_CHOICES = (
    Choice(
        {
            "in experiment a": (),
            "in experiment b": ("draws", "seed"),
            "in experiment c": ("starts", "steps", "seed"),
            "in experiment d": ("draws", "seed"),
            "in all experiments": ("draws", "starts", "steps", "seed"),
        },
        lambda given: (
            "in all experiments"
            if given["experiment"] == Experiment.all
            else f"in experiment {Experiment(given['experiment'])}"
        ),
    ),
)
"""What has an effect in which experiment."""


@app.command(cls=command_with(*TWINS_CHOICES))
def twins(
    experiment: Annotated[
        Experiment,
        typer.Argument(
            help="a: an example; b: how often random layers do it; c: what training changes; d: "
            "several heads."
        ),
    ] = Experiment.all,
    draws: Annotated[
        int, typer.Option("--draws", min=1, help="For b and d: random layers per setting.")
    ] = 20_000,
    starts: Annotated[
        int, typer.Option("--starts", min=1, help="For c: number of starts of each kind.")
    ] = 40,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="For c: number of training steps.")
    ] = 500,
    seed: Annotated[int, typer.Option("--seed", help="Random seed.")] = 0,
) -> None:
    """Study why GAT gives the same output to nodes with the same neighbours.

    \b
    Examples:
      edgescope study twins
      edgescope study twins b --draws 5000
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    chosen = "abcd" if experiment is Experiment.all else experiment.value
    for number, name in enumerate(chosen):
        if number:
            typer.echo()
        if name == "a":
            found: Any = es.study.twins.tutorial_example()
        elif name == "b":
            found = es.study.twins.tie_frequencies(draws, seed=seed)
        elif name == "c":
            found = es.study.twins.escapes(starts, steps, seed=seed)
        else:
            found = es.study.twins.many_heads(draws=draws, seed=seed)
        said, columns = _TWINS[name]
        words = said.format(draws=draws, starts=starts, steps=steps, seed=seed)
        typer.echo(f"({name}) {words}")
        show(found.table().select(columns or pl.all()))


_TWINS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a": ("the tutorial's four nodes; the third and the fourth have the same neighbours", ()),
    "b": (
        (
            "how often {draws:,} random layers give two nodes with the same neighbours the same "
            "output, seed {seed};\n    explained: share of the ties that the certificate explains, "
            "uniform: by uniform attention;\n    earlier: measured before with other code, for PyG "
            "with unrecorded sizes"
        ),
        (
            *("factor", "value", "layer", "tied", "tied_low", "tied_high"),
            *("certified", "explained", "uniform", "earlier", "earlier_certified"),
        ),
    ),
    "c": (
        (
            "training from up to {starts} starts of each kind, {steps} steps, seed {seed};\n"
            "    start: all logits above zero, all below, those of each node on one side but not "
            "the same, or on both;\n    outside: share that tells twins apart at the end; "
            "own_gradient: that of a_t at the start"
        ),
        (
            *("task", "layer", "start", "starts", "outside", "escape_step", "solved"),
            *("solved_low", "solved_high", "loss", "loss_min", "loss_max"),
            *("own_gradient", "final_gradient"),
        ),
    ),
    "d": (
        (
            "how often all heads of {draws:,} random GAT layers are degenerate, seed {seed};\n"
            "    predicted: the share of one head to the power of the number of heads"
        ),
        (
            *("features", "heads", "one", "predicted", "predicted_low", "predicted_high"),
            *("every", "every_low", "every_high", "independent"),
        ),
    ),
}
"""What is said above the table of every experiment, and its columns; all where none are named."""


def in_todays_words(words: list[str]) -> list[str]:
    """Return a command line in which ``diagnose --study X`` is ``study twins X``."""
    spelled = [part for word in words for part in _divided(word)]
    if "diagnose" not in words[:2] or "--study" not in spelled[:-1]:
        return words
    warn(
        "`edgescope diagnose --study` is now `edgescope study twins`",
        EdgescopeWarning,
        stacklevel=2,
    )
    spelled.remove("--study")
    command = spelled.index("diagnose")
    return [*spelled[:command], "study", "twins", *spelled[command + 1 :]]


def _divided(word: str) -> list[str]:
    return ["--study", word.removeprefix("--study=")] if word.startswith("--study=") else [word]


def with_ray_address(words: list[str]) -> list[str]:
    """Return a command line with ``--ray local`` for ``--ray`` without an address.

    Typer has no options with an optional value.
    """
    spelled = []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        spelled.append(word)
        if word == "--ray" and following not in {"auto", "local"} and ":" not in following:
            spelled.append("local")
    return spelled


def _open(folder: Path) -> "es.study.Study":
    study = es.study.load(folder)
    left = len(study.cells) - len(study.finished)
    if left:
        typer.echo(f"{left} of {len(study.cells)} cells are not done yet and left out", err=True)
    return study


def _list_cells(cells: "list[es.study.Cell]", out: Path | None) -> None:
    rows = [
        {
            "model": cell.label,
            "data": cell.data,
            "state": cell.state,
            "seed": cell.seed,
            "epochs": None if cell.state == "untrained" else cell.recipe.max_epochs,
            "done": "yes" if out and es.study.is_done(cell, out) else "no",
            "folder": cell.name,
        }
        for cell in cells
    ]
    show(pl.DataFrame(rows, infer_schema_length=None))
    typer.echo(f"\n{len(cells)} cells")
