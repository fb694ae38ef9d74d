"""`edgescope ablate`: replace the massive activations of a trained run and see what changes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

import edgescope as es
from edgescope.cli import _own_model as own
from edgescope.cli import _shared_options as options
from edgescope.cli._modes import Choice
from edgescope.cli._results import called
from edgescope.cli._steps import chosen_by, judged_batches, kept, repeat_caution, untrained_of
from edgescope.cli._tables import hint, show

NO_CONTROLS = "none"
"""The word for no controls at all."""

_MATCHED, _RESAMPLED, _ALONE = (
    "with matched controls",
    "with --value resample",
    "without controls",
)


def _mode(given: Mapping[str, Any]) -> str:
    if list(given["controls"] or ()) != [NO_CONTROLS]:
        return _MATCHED
    return _RESAMPLED if given["value"] == "resample" else _ALONE


CHOICES = (
    Choice({_MATCHED: ("repeats",), _RESAMPLED: ("repeats",), _ALONE: ()}, _mode),
    own.subject_choice("part", "root", "batch_size", of_own=("metric",)),
)
"""What has an effect with which controls."""


def command(
    run: own.Subject,
    part: options.Part = "test",
    where: Annotated[
        str,
        typer.Option(
            "--where",
            "--criterion",
            metavar="NAME|RATIO|scan",
            help="What to replace: what a criterion calls massive (paper2025, sun2024), what "
            "exceeds a ratio, such as 500, or what the scan in RUN/scan found. For the calibrated "
            "criterion, scan with it first.",
        ),
    ] = "paper2025",
    value: Annotated[
        str,
        typer.Option(
            "--value",
            help="The replacement. zero; mean, median: of the same channel over other edges; "
            "constant: the mean of all that is replaced in the same channel; clip: the threshold; "
            "untrained: the value before training; resample: the same channel of another edge.",
        ),
    ] = "mean",
    layers: Annotated[
        list[str] | None,
        typer.Option(
            "--layers",
            metavar="NUMBER|PATH",
            help="Only at this layer: a number (0 is the first, -1 the last) or a path, such as "
            "layers.3; may be repeated.",
        ),
    ] = None,
    sites: Annotated[
        list[str] | None, options.site_patterns("Replace at the sites", "those that a scan takes")
    ] = None,
    controls: Annotated[
        list[str] | None,
        typer.Option(
            "--controls",
            metavar="NAME",
            help="Matched controls to run: number, magnitude, edge_type, or none; may be repeated. "
            "Without it: all three.",
        ),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Number of draws of each control.")
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of all draws.")] = 0,
    batch_size: options.BatchSize = 128,
    root: options.Root = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to save to. Without it: RUN/ablation."),
    ] = None,
    loader: own.Loader = None,
    checkpoint: own.Checkpoint = None,
    arguments: own.Arguments = None,
    folder: own.Folder = None,
    metric: own.Metric = None,
) -> None:
    """Replace massive activations, and compare with matched controls.

    They are replaced inside the forward pass, at each site alone, then at all together. A control
    replaces as many other activations of the same site: drawn at random, next in magnitude, or on
    edges of the same types. Massive activations matter if replacing them does more harm than
    replacing the controls.

    \b
    Examples:
      edgescope ablate RUN
      edgescope ablate RUN --where scan --value zero --layers 0 --layers -1
      edgescope ablate model.py:build --checkpoint best.ckpt --where scan
      edgescope ablate RUN --where 500 --value untrained --controls magnitude --repeats 20
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    opened = own.open_subject(run, "ablate", loader, checkpoint, arguments, folder)
    chosen = chosen_by(opened, where)
    batches, judged = judged_batches(opened, part, root, batch_size, metric)
    found = es.ablate(
        opened.model("trained"),
        batches,
        where=chosen,
        metric=judged,
        sites=sites or None,
        layers=[_layer(each) for each in layers] if layers else None,
        repeats=repeats,
        seed=seed,
        baseline=untrained_of(opened) if value == "untrained" else None,
        **_choices(value, controls),
    )
    saved = found.save(out or kept(opened) / "ablation")
    _show(found)
    typer.echo(f"{found.conclusion()}\n{called(found.info.arguments)}".rstrip("\n"))
    repeat_caution(opened)
    hint(f"saved in {saved}")


def _layer(word: str) -> int | str:
    """Return the number of a layer, or its path."""
    return int(word) if word.removeprefix("-").isdigit() else word


def _choices(value: str, controls: list[str] | None) -> dict[str, Any]:
    """Return the options that ``es.ablate`` checks by itself."""
    if controls is None:
        return {"value": value}
    return {"value": value, "controls": [] if controls == [NO_CONTROLS] else controls}


def _show(found: "es.Ablation") -> None:
    """Print what was replaced and the change that it made; without targets, of predictions."""
    name = "moved" if found.info.metric is None else "change"
    excess = "moved_excess" if found.info.metric is None else "excess"
    table = found.table().filter(pl.col("draws") > 0)
    shown = [
        "site",
        "selection",
        "activations",
        (100 * pl.col("share")).alias("% of all"),
        "magnitude",
        *([] if found.info.metric is None else [pl.col("metric").alias(found.info.metric)]),
        *(name + end for end in ("", "_low", "_high")),
        *(excess + end for end in ("", "_low", "_high")),
    ]
    show(table.select(shown), "ablation", spare=("magnitude", "% of all"))
