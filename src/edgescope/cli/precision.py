"""`edgescope precision`: run a trained run in number formats with fewer bits."""

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

NO_REMEDIES = "none"
"""The word for no remedies at all."""

CHOICES = (own.subject_choice("part", "root", "batch_size", "graphs", of_own=("metric",)),)
"""What has an effect with which subject."""


def command(
    run: own.Subject,
    part: options.Part = "test",
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Number format to run the model in: autocast-float16, autocast-bfloat16, float16, "
            "bfloat16 or int8 (simulated); may be repeated. Without it: all.",
        ),
    ] = None,
    where: Annotated[
        str,
        typer.Option(
            "--where",
            "--criterion",
            metavar="NAME|RATIO|scan",
            help="What remedies replace: what a criterion calls massive (paper2025, sun2024), what "
            "exceeds a ratio, such as 500, or what the scan in RUN/scan found.",
        ),
    ] = "paper2025",
    remedies: Annotated[
        list[str] | None,
        typer.Option(
            "--remedy",
            metavar="NAME",
            help="What is tried in every format. clip: cut down to what the untrained model "
            "reaches; mean: replaced by their mean; fold: scales moved between projections; or "
            "none; may be repeated. Without it: all three.",
        ),
    ] = None,
    sites: Annotated[
        list[str] | None,
        options.site_patterns("Look at the sites", "all of edges that can be captured"),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            metavar="SHARE",
            help="Share of what the model gains over guessing that a safe format may lose.",
        ),
    ] = 0.01,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of the intervals.")] = 0,
    graphs: options.FirstGraphs = None,
    batch_size: options.BatchSize = 128,
    root: options.Root = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to save to. Without it: RUN/precision."),
    ] = None,
    loader: own.Loader = None,
    checkpoint: own.Checkpoint = None,
    arguments: own.Arguments = None,
    folder: own.Folder = None,
    metric: own.Metric = None,
) -> None:
    """Run the model in number formats with fewer bits, and see what restores it.

    Each format is measured alone and with remedies at the massive activations, and compared with
    float32 on the same graphs. Where numbers overflow is predicted from the largest magnitudes and
    observed.

    \b
    Examples:
      edgescope precision RUN
      edgescope precision RUN --format float16 --format int8 --graphs 200
      edgescope precision model.py:build --checkpoint best.ckpt --remedy none
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    opened = own.open_subject(run, "precision", loader, checkpoint, arguments, folder)
    batches, judged = judged_batches(opened, part, root, batch_size, metric, graphs)
    more: dict[str, Any] = {} if formats is None else {"formats": formats}
    if remedies is not None:
        more["remedies"] = [] if remedies == [NO_REMEDIES] else remedies
    found = es.precision(
        opened.model("trained"),
        batches,
        where=chosen_by(opened, where),
        baseline=untrained_of(opened) if "clip" in (remedies or ["clip"]) else None,
        sites=sites or None,
        metric=judged or "none",
        tolerance=tolerance,
        seed=seed,
        **more,
    )
    saved = found.save(out or kept(opened) / "precision")
    _show(found)
    said = "\n".join(found.verdicts())
    typer.echo(f"{said}\n{called(found.info.arguments)}".rstrip("\n"))
    repeat_caution(opened)
    hint(f"saved in {saved}")


def _show(found: "es.Precision") -> None:
    """Print what every format costs, and where it overflows."""
    name = "moved" if found.info.metric is None else "change"
    table = found.table().select(
        "format",
        "remedy",
        "verdict",
        *([] if found.info.metric is None else [pl.col("metric").alias(found.info.metric)]),
        *(name + end for end in ("", "_low", "_high")),
        pl.coalesce("overflow", "reason").alias("where or why"),
        pl.col("overflow_edge").alias("edge"),
    )
    show(table, "precision", spare=("edge",))
