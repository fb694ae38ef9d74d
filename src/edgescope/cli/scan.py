"""`edgescope scan`: find the massive activations of a trained run."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import edgescope as es
from edgescope.cli import _own_model as own
from edgescope.cli import _shared_options as options
from edgescope.cli._baseline import (
    BASELINE_CHOICE,
    CRITERION_CHOICE,
    choose_baseline,
    choose_criterion,
)
from edgescope.cli._modes import Choice
from edgescope.cli._results import called, conclusion, looked_at, show_scan, show_sites
from edgescope.cli._steps import other_part, own_batches, repeat_caution, scan_run
from edgescope.cli._tables import hint

_LIST, _SCAN = "with --list-sites", "in a scan"

CHOICES = (
    Choice(
        {
            _LIST: ("run", "list_sites", "weights", *own.OF_OWN),
            _SCAN: (
                *(
                    "run",
                    *own.OF_OWN,
                    "part",
                    "criterion",
                    "rate",
                    "fdr",
                    "baseline",
                    "members",
                    "seed",
                ),
                *("data", "root", "smiles_column", "id_columns", "weights", "sites"),
                *("batch_size", "shards", "discover"),
            ),
        },
        lambda given: _LIST if given["list_sites"] else _SCAN,
    ),
    CRITERION_CHOICE,
    BASELINE_CHOICE,
    options.OTHER_DATA_CHOICE,
    own.subject_choice(
        *("part", "data", "root", "smiles_column", "id_columns", "weights", "batch_size")
    ),
)
"""What has an effect in which mode."""


def command(
    run: own.Subject,
    part: options.Part = "test",
    criterion: options.CriterionName = "paper2025",
    rate: options.Rate = None,
    fdr: options.Fdr = None,
    baseline: options.Baseline = None,
    members: options.Members = None,
    seed: options.Seed = None,
    data: Annotated[str | None, options.other_data("Scan")] = None,
    root: options.Root = None,
    smiles_column: options.SmilesColumn = "smiles",
    id_columns: options.IdColumns = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="Scan these weights (.safetensors) of the run's model."),
    ] = None,
    sites: Annotated[
        list[str] | None,
        options.site_patterns(
            "Scan the sites", "the :score of every layer, or its :message if it has no score"
        ),
    ] = None,
    list_sites: Annotated[
        bool,
        typer.Option(
            "--list-sites",
            help="Do not scan; list the sites of the run's model, what each holds, and what cannot "
            "be captured and why.",
        ),
    ] = False,
    batch_size: options.BatchSize = 128,
    shards: options.ShardFolder = None,
    discover: options.Discover = False,
    loader: own.Loader = None,
    checkpoint: own.Checkpoint = None,
    arguments: own.Arguments = None,
    folder: own.Folder = None,
) -> None:
    """Find the massive activations of a trained run, or of a model of your own.

    The run is compared with a baseline, and the scan is saved in RUN/scan.

    A model of your own is named as path/to/file.py:NAME, where NAME is a function that returns
    (model, loader); `edgescope init` writes an example. Its results are in the folder run, which
    `edgescope report run` takes.

    A site is a place in the model where a layer computes something for every edge; its name is
    the path of the layer and a stage, as in layers.3.attention:score.

    All molecules of a table given with --data are scanned together; they must consist of the atom
    types that the model was trained with.

    \b
    Examples:
      edgescope scan RUN
      edgescope scan RUN --criterion calibrated
      edgescope scan RUN --criterion calibrated --rate 0.001 --members 20 --shards RUN/shards
      edgescope scan RUN --baseline OTHER_RUN
      edgescope scan model.py:build --checkpoint best.ckpt --arg width=64
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    opened = own.open_subject(run, "scan", loader, checkpoint, arguments, folder)
    if list_sites:
        show_sites(opened.model(_shown(opened)) if weights is None else es.models.load(weights))
        return
    rule = choose_criterion(criterion, rate, fdr)
    compared = choose_baseline(opened, rule, baseline, members, seed)
    if data is None or isinstance(opened, es.train.ModelRun):
        batches = own_batches(opened, part, root, batch_size)
    else:
        spec = options.data_spec(data, root, smiles_column=smiles_column, id_columns=id_columns)
        batches = es.data.loader(other_part(opened, spec, part), batch_size=batch_size)
    scan = scan_run(
        opened,
        batches,
        weights=None if weights is None else str(weights),
        baseline=compared,
        criterion=rule,
        sites=sites or None,
        shards=shards,
        discover=discover,
    )
    show_scan(scan)
    typer.echo(f"{conclusion(scan)}\n{looked_at(scan)}\n{called(scan.info.arguments)}".rstrip("\n"))
    if weights is None:
        repeat_caution(opened)
    hint(f"next: edgescope report {opened.path}")
    own.tell_next(opened, "diagnose", "ablate", "interpret", "explain")


def _shown(run: "es.train.RunFolder | es.train.ModelRun") -> Literal["untrained", "trained"]:
    """Return the weights whose sites are listed: a run has its untrained ones from the start."""
    return "untrained" if isinstance(run, es.train.RunFolder) else "trained"
