"""`edgescope data`: what data sets there are, and what is in one."""

from typing import Annotated

import polars as pl
import polars.selectors as cs
import typer

import edgescope as es
from edgescope.cli import _options as options
from edgescope.cli._steps import show


def command(
    data: Annotated[
        str | None, typer.Argument(help="A published data set or a table; without it, list them.")
    ] = None,
    root: options.Root = None,
    smiles_column: options.SmilesColumn = "smiles",
    target_columns: options.TargetColumns = None,
    split_column: options.SplitColumn = None,
) -> None:
    """List the data sets, or count the molecules, atoms and bonds of one.

    Rows of a table that cannot be used are listed with the reason.
    """
    if data is None:
        typer.echo("\n".join(es.data.names()))
        return
    spec = options.data_spec(data, root, smiles_column, target_columns, split_column)
    splits = es.data.load(**spec)
    # Text, because counts and means share a column here and counts must not be rounded.
    counts = splits.summary().with_columns(cs.float().round(2)).cast(pl.String)
    show(counts.transpose(include_header=True, header_name="", column_names="split"))
    if splits.rejected.height:
        typer.echo(f"\n{splits.rejected.height} rows cannot be used:")
        show(splits.rejected)
