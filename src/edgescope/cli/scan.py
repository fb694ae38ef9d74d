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
from edgescope.cli._results import called, conclusion, looked_at, show_scan
from edgescope.cli._steps import other_part, own_part, repeat_caution, scan_run, show_sites

_LIST, _SCAN = "with --list-sites", "in a scan"

CHOICES = (
    Choice(
        {
            _LIST: ("run", "list_sites", "weights"),
            _SCAN: (
                *("run", "part", "criterion", "rate", "fdr", "baseline", "members", "seed"),
                *(
                    "data",
                    "root",
                    "smiles_column",
                    "id_columns",
                    "weights",
                    "sites",
                    "batch_size",
                    "shards",
                ),
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
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    part: options.Part = "test",
    criterion: options.CriterionName = "paper2025",
    rate: options.Rate = None,
    fdr: options.Fdr = None,
    baseline: options.Baseline = None,
    members: options.Members = None,
    seed: options.Seed = None,
    data: Annotated[
        str | None,
        typer.Option("--data", help="Scan these molecules instead of the run's own data."),
    ] = None,
    root: options.Root = None,
    smiles_column: options.SmilesColumn = "smiles",
    id_columns: options.IdColumns = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="Scan these weights (.safetensors) of the run's model."),
    ] = None,
    sites: Annotated[
        list[str] | None,
        typer.Option(
            "--sites",
            metavar="PATTERN",
            help="Scan the sites whose name matches, such as 'layers.3.*:message' (quoted, as * "
            "would mean files to the shell); may be repeated. Without it: the :score of every "
            "layer, or its :message where it has no score.",
        ),
    ] = None,
    list_sites: Annotated[
        bool,
        typer.Option(
            "--list-sites",
            help="Do not scan; print which sites the run's model has, what each of them holds, "
            "and what cannot be captured and why.",
        ),
    ] = False,
    batch_size: options.BatchSize = 128,
    shards: options.ShardFolder = None,
) -> None:
    """Scan the edges of a run's molecules, trained beside a baseline, into RUN/scan.

    A site is a place in the model where a layer computes something for every edge; its name is
    the layer's path and a stage, as in layers.3.attention:score.

    Molecules given with --data are scanned all together, and must be made of the atom types
    that the model was trained with.

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
        spec = options.data_spec(data, root, smiles_column, None, None, id_columns)
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
    )
    show_scan(scan)
    typer.echo(f"{conclusion(scan)}\n{looked_at(scan)}\n{called(scan.info)}".rstrip("\n"))
    if weights is None:
        repeat_caution(folder)
    typer.echo(f"next: edgescope report {run}")
