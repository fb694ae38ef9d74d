"""`edgescope train`: train a model by a recipe."""

from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli import _options as options
from edgescope.cli._steps import load_data
from edgescope.errors import InputError


def command(
    out: Annotated[Path, typer.Option("--out", help="Folder of the run.")],
    data: options.Data,
    recipe: Annotated[
        str, typer.Option("--recipe", help="A named recipe, or a YAML file with one.")
    ] = "graphtransformer-zinc",
    root: options.Root = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="At most so many epochs.")
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Processes that train together.")
    ] = 1,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a value of the recipe, as in --set seed=7."),
    ] = None,
    smiles_column: options.SmilesColumn = "smiles",
    target_columns: options.TargetColumns = None,
    split_column: options.SplitColumn = None,
    split: options.TableSplit = None,
    id_columns: options.IdColumns = None,
    decimal: options.Decimal = None,
    features: options.Features = None,
    rewire: options.Rewire = None,
    rewire_share: options.RewireShare = None,
    rewire_seed: options.RewireSeed = None,
) -> None:
    """Train a model and keep it beside its untrained self.

    The folder holds config.yaml, weights/untrained.safetensors, weights/trained.safetensors,
    metrics.json and a TensorBoard log. If training is interrupted, the same command goes on
    after the last finished epoch and ends with the same weights, bit for bit.
    """
    spec = options.data_spec(
        data, root, smiles_column, target_columns, split_column, id_columns, decimal, split
    )
    if features is not None:
        spec["features"] = features
    spec |= options.rewiring(rewire, rewire_share, rewire_seed)
    chosen = es.train.recipe(recipe, **_changes(change or []))
    run = es.train.fit(chosen, load_data(spec), out, data=spec, epochs=epochs, processes=processes)
    metrics = run.metrics or {}
    reported = ("test_loss", "test_mae", "test_roc_auc", "test_accuracy")
    shown = {name: metrics[name] for name in reported if name in metrics}
    results = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in shown.items())
    typer.echo(
        f"{results or 'no test targets'} after {metrics['epochs']} epochs "
        f"({metrics['stopped_by']}), seed {chosen.seed}\nnext: edgescope scan {out}"
    )


def _changes(assignments: list[str]) -> dict[str, str]:
    changes = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not (name and equals):
            raise InputError(f"received --set {assignment}, expected --set name=value")
        changes[name] = value
    return changes
