"""`edgescope causes`: which parameters of a trained run make its massive activations."""

from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

import edgescope as es
from edgescope.cli import _own_model as own
from edgescope.cli import _shared_options as options
from edgescope.cli._results import called
from edgescope.cli._steps import chosen_by, judged_batches, kept, repeat_caution, untrained_of
from edgescope.cli._tables import hint, show

CHOICES = (own.subject_choice("part", "root", "batch_size", "graphs", of_own=("metric",)),)
"""What has an effect with which subject."""


def command(
    run: own.Subject,
    part: options.Part = "test",
    where: Annotated[
        str,
        typer.Option(
            "--where",
            "--criterion",
            metavar="NAME|RATIO|scan",
            help="What is traced: what a criterion calls massive (paper2025, sun2024), what "
            "exceeds a ratio, such as 500, or what the criterion of the scan in RUN/scan does.",
        ),
    ] = "paper2025",
    levels: Annotated[
        list[str] | None,
        typer.Option(
            "--level",
            metavar="NAME",
            help="What is put back at once: layer, module or tensor; may be repeated. Without it: "
            "all three, each within what was found before.",
        ),
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            "--share",
            help="Share of the massive activations that training has made, which a set must take "
            "away, or make.",
        ),
    ] = 0.9,
    sites: Annotated[
        list[str] | None, options.site_patterns("Count at the sites", "those that a scan takes")
    ] = None,
    patches: Annotated[
        bool,
        typer.Option(
            "--patches/--no-patches",
            help="Also replace the activations of single sites by those before training, and "
            "follow what becomes of later sites.",
        ),
    ] = True,
    constancy: Annotated[
        bool,
        typer.Option(
            "--constancy",
            help="Also test whether massive activations carry information or are a constant; "
            "saved in RUN/constancy.",
        ),
    ] = False,
    max_passes: Annotated[
        int,
        typer.Option(
            "--max-passes", min=1, help="Largest number of passes over the data for rewinding."
        ),
    ] = 400,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of intervals and draws.")] = 0,
    graphs: options.FirstGraphs = None,
    batch_size: options.BatchSize = 128,
    root: options.Root = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to save to. Without it: RUN/causes."),
    ] = None,
    loader: own.Loader = None,
    checkpoint: own.Checkpoint = None,
    arguments: own.Arguments = None,
    folder: own.Folder = None,
    metric: own.Metric = None,
) -> None:
    """Trace massive activations to the parameters that make them.

    Layers, modules and tensors are put back to what they were before training, and the trained
    ones into the model before training. The smallest sets that take massive activations away, and
    that make them, stand beside as many at random.

    \b
    Examples:
      edgescope causes RUN
      edgescope causes RUN --where 500 --graphs 200 --constancy
      edgescope causes model.py:build --checkpoint best.ckpt --where scan
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    opened = own.open_subject(run, "causes", loader, checkpoint, arguments, folder)
    batches, judged = judged_batches(opened, part, root, batch_size, metric, graphs)
    model, rule = opened.model("trained"), chosen_by(opened, where)
    more: dict[str, Any] = {} if levels is None else {"levels": levels}
    found = es.causes(
        model,
        untrained_of(opened),
        batches,
        where=rule,
        sites=sites or None,
        share=share,
        patches=patches,
        max_passes=max_passes,
        metric=judged or "none",
        seed=seed,
        **more,
    )
    saved = [found.save(out or kept(opened) / "causes")]
    _show(found)
    said = "\n".join(found.verdicts())
    if constancy:
        tested = es.intervene.constancy(
            model, batches, where=rule, sites=sites or None, metric=judged or "none", seed=seed
        )
        saved.append(tested.save((out or kept(opened) / "causes").with_name("constancy")))
        show(tested.table(), "constancy", spare=("share", "edges"))
        said += f"\n{tested.conclusion()}"
    typer.echo(f"{said}\n{called(found.info.arguments)}".rstrip("\n"))
    repeat_caution(opened)
    hint("\n".join(f"saved in {each}" for each in saved))


def _show(found: "es.Causes") -> None:
    """Print the smallest sets, and the best single units of the finest level."""
    sets = found.table("sets").select(
        "does",
        "level",
        "units",
        "proof",
        pl.col("massive"),
        (100 * pl.col("share")).alias("% of made"),
        (100 * pl.col("random_share")).alias("% at random"),
        "metric_change",
    )
    rows = found.table()
    models = rows.filter(level="model").select("unit", "massive", "edges", "largest", "metric")
    show(models, "models")
    if sets.height:
        show(sets, "sets", spare=("metric_change", "level"))
