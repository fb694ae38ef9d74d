"""`edgescope scan`: find the massive activations of a trained run."""

from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli import _shared_options as options
from edgescope.cli._baseline import (
    BASELINE_CHOICE,
    CRITERION_CHOICE,
    choose_baseline,
    choose_criterion,
)
from edgescope.cli._modes import Choice
from edgescope.cli._results import called, conclusion, looked_at, show_scan, show_sites
from edgescope.cli._steps import other_part, own_part, repeat_caution, scan_run
from edgescope.cli._tables import hint

_LIST, _SCAN = "with --list-sites", "in a scan"

CHOICES = (
    Choice(
        {
            _LIST: ("run", "list_sites", "weights"),
            _SCAN: (
                *("run", "part", "criterion", "rate", "fdr", "baseline", "members", "seed"),
                *("data", "root", "smiles_column", "id_columns", "weights", "sites"),
                *("batch_size", "shards", "discover"),
            ),
        },
        lambda given: _LIST if given["list_sites"] else _SCAN,
    ),
    CRITERION_CHOICE,
    BASELINE_CHOICE,
    options.OTHER_DATA_CHOICE,
)
"""What has an effect in which mode."""


def command(
    run: options.Run,
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
) -> None:
    """Find the massive activations of a trained run.

    The run is compared with a baseline, and the scan is saved in RUN/scan.

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
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    folder = es.train.RunFolder(run)
    if list_sites:
        show_sites(folder.model("untrained") if weights is None else es.models.load(weights))
        return
    rule = choose_criterion(criterion, rate, fdr)
    compared = choose_baseline(folder, rule, baseline, members, seed)
    if data is None:
        molecules = own_part(folder, part, root)
    else:
        spec = options.data_spec(data, root, smiles_column=smiles_column, id_columns=id_columns)
        molecules = other_part(folder, spec, part)
    scan = scan_run(
        folder,
        molecules,
        weights=None if weights is None else str(weights),
        baseline=compared,
        criterion=rule,
        sites=sites or None,
        batch_size=batch_size,
        shards=shards,
        discover=discover,
    )
    show_scan(scan)
    typer.echo(f"{conclusion(scan)}\n{looked_at(scan)}\n{called(scan.info.arguments)}".rstrip("\n"))
    if weights is None:
        repeat_caution(folder)
    hint(f"next: edgescope report {run}")
