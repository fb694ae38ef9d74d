"""`edgescope explain`: judge the edge importances of trained runs."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

import edgescope as es
from edgescope.cli import _own_model as own
from edgescope.cli import _shared_options as options
from edgescope.cli._modes import Choice
from edgescope.cli._steps import kept
from edgescope.cli._tables import hint, note, show
from edgescope.lib.errors import InputError
from edgescope.lib.task_metrics import known_metric

SLOW = "gnnexplainer"
"""The method that runs only if asked for: it trains a mask for every single graph."""

WIDTH = 100
"""Columns of the sentences."""

_STEPS = "integrated_gradients"
"""The method that has steps."""

_WITH, _WITHOUT = f"with the method {_STEPS}", f"without the method {_STEPS}"


def _mode(given: Mapping[str, Any]) -> str:
    names = given["methods"]
    named = names in {None, "all"} or _STEPS in {name.strip() for name in names.split(",")}
    return _WITH if named else _WITHOUT


CHOICES = (
    Choice({_WITH: ("steps",), _WITHOUT: ()}, _mode),
    own.subject_choice("part", "graphs", "root", subject="runs"),
)
"""What has an effect with which methods."""


def command(
    runs: own.Subjects,
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            metavar="NAMES",
            help="Methods to judge, as in massive,occlusion, or all. Without it: all but "
            "gnnexplainer, which takes about a second per graph. random is always judged: the "
            "others are compared with it.",
        ),
    ] = None,
    part: options.Part = "test",
    graphs: Annotated[
        int | None,
        typer.Option(
            "--graphs", min=1, help="Number of graphs drawn from the part. Without it: all."
        ),
    ] = None,
    batch_size: options.BatchSize = 64,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="Steps of integrated gradients. Without it: 32."),
    ] = None,
    merge: Annotated[
        str,
        typer.Option(
            "--merge",
            metavar="mean|max|sum|none",
            help="How to combine the importances of the two directions of an edge.",
        ),
    ] = "mean",
    measure: Annotated[
        str,
        typer.Option(
            "--measure",
            metavar="change|drop|label",
            help="What fidelity measures. change: how far the predicted probability or number "
            "moves; drop: how far the probability drops; label: how often the predicted label "
            "changes.",
        ),
    ] = "change",
    seed: Annotated[
        int,
        typer.Option(
            "--seed", help="Random seed: of the graphs drawn, of ties, and of the method random."
        ),
    ] = 0,
    root: options.Root = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder to save to. Without it: RUN/explain of every run."),
    ] = None,
    loader: own.Loader = None,
    checkpoint: own.Checkpoint = None,
    arguments: own.Arguments = None,
    folder: own.Folder = None,
) -> None:
    """Judge edge importances: truth, fidelity, stability, cost.

    Every method says how important every edge is for the prediction. It is judged by whether the
    edges that are known to matter come first (if the data say which they are), by how far
    predictions move when its most important edges are removed (fidelity+) and when only these are
    kept (fidelity-), by whether trainings with other seeds give the same ranks, and by its cost.

    \b
    Examples:
      edgescope explain RUN
      edgescope explain RUN --methods massive,occlusion --graphs 200
      edgescope explain RUN_SEED1 RUN_SEED2 RUN_SEED3 --out leaderboard
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    attribute = es.attribute
    if len(runs) > 1 and any(map(own.is_own, runs)):
        raise InputError(f"received {' '.join(runs)}, expected one model of your own at a time")
    opened = [
        own.open_subject(run, "explain", loader, checkpoint, arguments, folder) for run in runs
    ]
    folders = [each for each in opened if isinstance(each, es.train.RunFolder)]
    subjects = [_subject(each) for each in opened if isinstance(each, es.train.ModelRun)]
    if folders:
        subjects += attribute.subjects_of(folders, part=part, graphs=graphs, seed=seed, root=root)
    chosen: dict[str, Any] = {"batch_size": batch_size, "merge": merge, "measure": measure}
    board = attribute.leaderboard(subjects, _methods(methods), steps=steps, seed=seed, **chosen)
    table = board.table()
    for subject in table.partition_by("data", "recipe", maintain_order=True):
        _show(board, subject)
    typer.echo()
    for line in board.sentences():
        typer.echo(textwrap.fill(line, WIDTH, subsequent_indent="  "))
    for each in opened:
        if each.caution:
            typer.echo(textwrap.fill(f"caution: {each.path}: {each.caution}", WIDTH))
    for row in board.refused.iter_rows(named=True):
        note(f"left out: {row['method']} ({row['reason']})")
    places = [out] if out else [kept(each) / "explain" for each in opened]
    hint(f"saved in {', '.join(str(board.save(place)) for place in places)}")


def _subject(run: "es.train.ModelRun") -> "es.attribute.Subject":
    """Return what methods are judged on of a model of one's own."""
    return es.attribute.Subject(run.dataset.name, [run.model()], run.dataset, run.words.model)


def _methods(names: str | None) -> list[str]:
    """Return the methods that ``--methods`` names."""
    known = list(es.attribute.METHODS)
    if names is None:
        return [name for name in known if name != SLOW]
    if names == "all":
        return known
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        raise InputError(f"received --methods {names!r}, expected some of {', '.join(known)}")
    for name in wanted:
        es.attribute.make(name)  # says what is unknown before anything is run
    return list(dict.fromkeys(wanted))


def _show(board: "es.attribute.Leaderboard", table: pl.DataFrame) -> None:
    """Print the rows of one data set and model as up to three tables."""
    first = table.row(0, named=True)
    trainings, metric = first["trainings"], known_metric(first["metric"]).words
    several = f" +- {first['score_sd']:.4f}, {trainings} trainings" if trainings > 1 else ""
    score = "unknown" if first["score"] is None else f"{first['score']:.4f}{several}"
    of = {"data": first["data"], "recipe": first["recipe"]}
    title = f"{first['data']}, {first['recipe']}".strip(", ")
    typer.echo(f"\n{title}: {first['graphs']} graphs, {metric} {score}")
    if first["graphs_with_truth"]:
        typer.echo(f"\nagainst truth, {first['graphs_with_truth']} graphs")
        known = table.select(
            "method",
            pl.col("auroc").alias("AUROC"),
            _interval("auroc").alias("95 %"),
            pl.col("auroc_sd").alias("sd"),
            pl.col("average_precision").alias("AP"),
            pl.col("auroc_difference").alias("AUROC - random"),
            _interval("auroc_difference").alias("95 % "),
        )
        show(known if trainings > 1 else known.drop("sd"), "against truth", of=of)
    typer.echo(f"\nfidelity: areas over the share of edges removed ({board.settings['measure']})")
    show(
        table.select(
            "method",
            pl.col("plus").alias("fid+"),
            pl.col("plus_difference").alias("- random"),
            _interval("plus_difference").alias("95 %"),
            pl.col("minus").alias("fid-"),
            pl.col("minus_difference").alias("- random "),
            _interval("minus_difference").alias("95 % "),
            pl.col("characterisation").alias("char."),
            pl.col("unfaithfulness").alias("unfaithful"),
        ),
        "fidelity",
        spare=("unfaithful", "char."),
        of=of,
    )
    typer.echo(f"\n{'stability over trainings, and ' if trainings > 1 else ''}cost per graph")
    massive = board.agreement.filter(
        (pl.col("data") == first["data"])
        & (pl.col("recipe") == first["recipe"])
        & (pl.col("other") == "massive")
    )
    agreed = massive.group_by("method").agg(
        pl.col("correlation").mean().alias("rank corr. with massive")
    )
    milliseconds = 1000 * pl.col("seconds") / pl.col("graphs")
    cost = table.select(
        "method",
        pl.col("stability").alias("rank corr."),
        pl.col("overlap").alias("top overlap"),
        pl.col("forward_passes").alias("forward"),
        pl.col("backward_passes").alias("backward"),
        milliseconds.alias("ms"),
    )
    cost = cost.join(agreed, on="method", how="left", maintain_order="left")
    show(cost if trainings > 1 else cost.drop("rank corr.", "top overlap"), "cost", of=of)


def _interval(name: str) -> pl.Expr:
    """Write an interval as ``0.1 to 0.2``; empty if there is none."""
    ends = (pl.col(f"{name}_{end}").cast(pl.Float64).round(3) for end in ("low", "high"))
    return pl.format("{} to {}", *ends)
