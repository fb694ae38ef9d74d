"""`edgescope train`: train a model from a recipe."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli import _edge_changes as edges
from edgescope.cli import _shared_options as options
from edgescope.cli._results import test_result
from edgescope.cli._steps import load_data
from edgescope.cli._tables import hint, show
from edgescope.lib.errors import InputError, UntrainedWarning

CHOICES = (options.DATA_CHOICE, edges.REWIRE_CHOICE)
"""What has an effect on which data."""


def command(
    out: Annotated[Path, typer.Option("--out", help="Folder of the run.")],
    data: options.Data,
    recipe: Annotated[
        str, typer.Option("--recipe", help="Name of a recipe, or a YAML file that holds one.")
    ] = "graphtransformer-zinc",
    root: options.Root = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Maximum number of epochs.")
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Number of processes that train together.")
    ] = 1,
    monitor: Annotated[
        int,
        typer.Option(
            "--monitor",
            min=0,
            help="Steps from one look at massive activations to the next; 0 for none.",
        ),
    ] = 50,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a value of the recipe, as in --set seed=7; may be repeated."
        ),
    ] = None,
    smiles_column: options.SmilesColumn = "smiles",
    target_columns: options.TargetColumns = None,
    split_column: options.SplitColumn = None,
    split: options.TableSplit = None,
    id_columns: options.IdColumns = None,
    decimal: options.Decimal = None,
    features: options.Features = None,
    rewire: edges.Rewire = None,
    rewire_share: edges.RewireShare = None,
    rewire_draw: edges.RewireDraw = None,
    rewire_per: edges.RewirePer = None,
    rewire_types: edges.RewireTypes = None,
    rewire_edge_type: edges.RewireEdgeType = None,
    rewire_nodes: edges.RewireNodes = None,
    rewire_seed: edges.RewireSeed = None,
) -> None:
    """Train a model and save it beside its untrained weights.

    The folder holds config.yaml, weights/untrained.safetensors, weights/trained.safetensors,
    metrics.json, a TensorBoard log and monitor.parquet, which tells when massive activations
    appeared. If training is interrupted, the same command resumes after
    the last finished epoch and ends with the same weights, bit for bit.
    """
    spec = options.data_spec(
        data,
        root,
        smiles_column=smiles_column,
        target_columns=target_columns,
        split_column=split_column,
        split=split,
        id_columns=id_columns,
        decimal=decimal,
        features=features,
    )
    spec |= edges.rewiring(
        rewire,
        share=rewire_share,
        draw=rewire_draw,
        per=rewire_per,
        types=rewire_types,
        edge_type=rewire_edge_type,
        nodes=rewire_nodes,
        seed=rewire_seed,
    )
    changes = options.assigned(change or [], "--set")
    if epochs is not None and "max_epochs" in changes:
        raise InputError(
            f"received --epochs {epochs} and --set max_epochs={changes['max_epochs']}, which mean "
            "the same; leave out one of them"
        )
    chosen = es.train.recipe(recipe, **changes)
    splits = load_data(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UntrainedWarning)  # said below
        run = es.train.fit(
            chosen,
            splits,
            out,
            data=spec,
            epochs=epochs,
            processes=processes,
            monitor=monitor or None,
        )
    metrics = run.metrics or {}
    typer.echo(
        f"{test_result(run)} after {metrics['epochs']} epochs "
        f"({metrics['stopped_by']}), seed {chosen.seed}"
    )
    verdict = run.verdict
    if verdict is not None:
        if len(verdict.targets) > 1:
            show(verdict.table(), "targets")
        typer.echo(verdict.caution or verdict.sentence)
    if run.monitor.is_file():
        hint(f"in training: {es.TrainingRecord.load(run.monitor).sentence()}")
    hint(f"next: edgescope scan {out}")
