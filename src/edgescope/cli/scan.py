"""`edgescope scan`: find the massive activations of a trained run."""

from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli import _options as options
from edgescope.cli._steps import choose_part, load_data, scan_run, show_prevalence, show_sites
from edgescope.errors import InputError


def command(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    part: options.Part = "test",
    criterion: options.CriterionName = "paper2025",
    data: Annotated[
        str | None,
        typer.Option("--data", help="Scan these molecules instead of the run's own data."),
    ] = None,
    root: options.Root = None,
    smiles_column: options.SmilesColumn = "smiles",
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
) -> None:
    """Scan the edges of a run's molecules, trained beside untrained, into RUN/scan.

    A site is a place in the model where a layer computes something for every edge; its name is
    the layer's path and a stage, as in layers.3.attention:score.

    Molecules given with --data are scanned all together, and must be made of the atom types
    that the model was trained with.
    """
    folder = es.train.RunFolder(run)
    if list_sites:
        show_sites(folder.model("untrained") if weights is None else es.models.load(weights))
        return
    if data is not None:
        spec = options.data_spec(data, root, smiles_column, None, None)
        if options.is_table(data):
            spec["split"], part = (0.0, 0.0, 1.0), "test"
    elif folder.data is None:
        raise InputError(f"{run} does not say where its data came from; give it with --data")
    else:
        spec = folder.data if root is None else {**folder.data, "root": str(root)}
    splits = load_data(spec, vocabulary=folder.vocabulary)
    molecules = choose_part(splits, part)
    scan = scan_run(
        folder,
        molecules,
        weights=None if weights is None else str(weights),
        criterion=criterion,
        sites=sites or None,
        batch_size=batch_size,
    )
    show_prevalence(scan)
    over = scan.table()["edges_over"]
    typer.echo(
        f"{over.sum()} times an edge holds a ratio above {scan.info.criterion.ratio:g}, at "
        f"{(over > 0).sum()} of {len(over)} sites\nnext: edgescope report {run}"
    )
