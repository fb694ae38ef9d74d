"""`edgescope import`: what the published code has written, as edgescope's own files."""

from pathlib import Path
from typing import Annotated

import typer

from edgescope.cli._results import conclusion, show_scan

app = typer.Typer(
    help="Open what the published code has written.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _group() -> None:
    """Make a group of the commands, also while there is only one."""


@app.command()
def malog(
    file: Annotated[Path, typer.Argument(help="A malog.pkl of the published code.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to save the scan in.")],
    heads: Annotated[
        int, typer.Option("--heads", min=1, help="Heads of the model; the log does not say.")
    ] = 1,
    names: Annotated[
        list[str] | None,
        typer.Option("--edge-type", help="Name of an edge type, from type 0 on; repeat in order."),
    ] = None,
    criterion: Annotated[
        str, typer.Option("--criterion", metavar="NAME", help="paper2025 or sun2024.")
    ] = "paper2025",
) -> None:
    """Turn a log of activations into a scan.

    The file is a pickle. It is read by a reader that takes tensors and plain containers only and
    refuses everything else, so nothing in it is run.
    """
    from edgescope.malog import import_malog

    scan = import_malog(file, heads=heads, edge_type_names=names, rule=criterion)
    scan.save(out)
    show_scan(scan)
    typer.echo(f"{conclusion(scan)}\nnext: edgescope report {out}")
