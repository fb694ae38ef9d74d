"""`edgescope import`: files of the published code as edgescope's own."""

from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli._modes import command_with
from edgescope.cli._results import conclusion, looked_at, show_scan
from edgescope.cli._tables import hint
from edgescope.lib.errors import InputError
from edgescope.lib.yaml_files import yaml_in

app = typer.Typer(
    help="Convert files that the published code has written.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(cls=command_with())
def malog(
    file: Annotated[Path, typer.Argument(help="A malog.pkl of the published code.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to save the scan in.")],
    heads: Annotated[
        int,
        typer.Option(
            "--heads", min=1, help="Number of heads of the model, which the log does not say."
        ),
    ] = 1,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--edge-type", help="Name of an edge type; repeat it in order, from type 0 on."
        ),
    ] = None,
    criterion: Annotated[
        str, typer.Option("--criterion", metavar="NAME", help="paper2025 or sun2024.")
    ] = "paper2025",
) -> None:
    """Turn a log of activations into a scan.

    The file is a pickle. The reader accepts tensors and plain containers only and refuses
    everything else, so no code in the file is run.
    """
    scan = es.study.import_malog(file, num_heads=heads, edge_type_names=names, rule=criterion)
    scan.save(out)
    show_scan(scan)
    typer.echo(f"{conclusion(scan)}\n{looked_at(scan)}")
    hint(f"next: edgescope report {out}")


@app.command(cls=command_with(tables=False))
def checkpoint(
    file: Annotated[Path, typer.Argument(help="A checkpoint, such as epoch_99.pkl.")],
    architecture: Annotated[
        str,
        typer.Option(
            "--architecture", metavar="NAME", help="GT (GraphTransformer), SAN or GraphiT."
        ),
    ],
    heads: Annotated[int, typer.Option("--heads", min=1, help="Number of heads of the model.")],
    out: Annotated[Path, typer.Option("--out", help="Weights file to write (.safetensors).")],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting that the weights do not show, as in --set readout=sum; may be "
            "repeated.",
        ),
    ] = None,
) -> None:
    """Turn a checkpoint into weights that es.models.load opens.

    The file is a pickle of a state dict. It is read by torch's restricted reader, so no code in it
    is run. Widths, numbers of layers and types, biases and norms are read from the weights.
    """
    given = {}
    for setting in settings or []:
        name, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"received --set {setting}, expected NAME=VALUE, as in readout=sum")
        given[name] = yaml_in(value, f"--set {setting}", "correct the value")
    model = es.models.import_checkpoint(file, architecture, num_heads=heads, **given)
    es.models.save(model, out)
    size = sum(parameter.numel() for parameter in model.parameters())
    typer.echo(f"{type(model).__name__} with {size:,} parameters saved in {out}")
    hint(f"next: es.models.load({str(out)!r}), or edgescope scan RUN --baseline {out}")
