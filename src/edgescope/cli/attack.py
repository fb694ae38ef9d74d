"""`edgescope attack`: how well a trained run does with noise on its embeddings."""

from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli import _own_model as own
from edgescope.cli import _shared_options as options
from edgescope.cli._results import called
from edgescope.cli._steps import own_part, repeat_caution
from edgescope.cli._tables import hint, show

LOSS = "loss"
"""What runs are judged by that have no other metric."""


def command(
    run: Annotated[str, typer.Argument(help="Folder of a trained run.")],
    part: options.Part = "test",
    std: Annotated[
        float,
        typer.Option(
            "--std", help="Standard deviation of the noise, in the unit of the embeddings."
        ),
    ] = 0.1,
    restarts: Annotated[
        int, typer.Option("--restarts", min=1, help="Number of random starts of the noise.")
    ] = 5,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Number of steps of gradient ascent.")
    ] = 10,
    step: Annotated[
        float,
        typer.Option("--step", help="Length of a step, in standard deviations of the noise."),
    ] = 0.5,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of the noise.")] = 0,
    batch_size: options.BatchSize = 128,
    root: options.Root = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to save to. Without it: RUN/attack."),
    ] = None,
) -> None:
    """Add noise to the embeddings, at random and where it hurts most.

    Noise of one size is added to what the model embeds nodes and edges as: random noise, and noise
    that gradient ascent on the loss makes of it, from several starts. What ascent adds to random
    noise is the model's own weakness; compare it with that of another model.

    \b
    Examples:
      edgescope attack RUN
      edgescope attack RUN --std 0.5 --restarts 10 --steps 20
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    opened = own.open_folder(run, "attack")
    molecules = own_part(opened, part, root)
    found = es.noise_attack(
        opened.model("trained"),
        es.data.loader(molecules, batch_size=batch_size),
        std=std,
        loss=opened.recipe.loss,
        steps=steps,
        step=step,
        restarts=restarts,
        seed=seed,
        metric=None if opened.metric.name == LOSS else opened.metric.name,
    )
    saved = found.save(out or opened.path / "attack")
    show(found.table(), "attack", spare=("sd", "min", "max"))
    typer.echo(f"{found.conclusion()}\n{called(found.arguments)}".rstrip("\n"))
    repeat_caution(opened)
    hint(f"saved in {saved}")
