"""`edgescope study nodes`: GAT on classes of nodes and graphs; models flagged and cured."""

from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli._tables import show


def nodes(
    root: Annotated[Path, typer.Option("--root", help="Folder of the data sets.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the study.")],
    data: Annotated[
        list[str] | None,
        typer.Option("--data", help="A data set; may be repeated. By default all six."),
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option("--seed", help="Seed and division, 0 to 9; may be repeated. Default: all."),
    ] = None,
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, help="Maximum number of epochs of a training.")
    ] = 300,
) -> None:
    """Train GAT on classes of nodes and graphs, diagnose it, and train it again cured.

    The tables in OUT/results hold states and logits before and after training, the share of nodes
    with the same neighbours that get the same output, what diagnosis found, and the test accuracy
    of models that it flagged and of the same models cured. After an interruption the same command
    goes on with the cells that are not done yet.

    \b
    Example:
      edgescope study nodes --root data --out nodes --data chameleon
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    found = es.study.run_nodes(root, out, data=data, seeds=seed, max_epochs=epochs)
    show(es.study.paired_accuracy(found["cured"]), "flagged and cured")
    typer.echo(f"tables: {out / 'results'}")
