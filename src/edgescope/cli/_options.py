"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

import edgescope as es

Data = Annotated[
    str,
    typer.Option(
        "--data",
        help="A published data set (`edgescope data` lists them) or a CSV or Parquet table.",
    ),
]
Root = Annotated[
    Path | None, typer.Option("--root", help="Folder that holds the data set's files.")
]
SmilesColumn = Annotated[
    str, typer.Option("--smiles-column", help="Column of a table that holds the SMILES.")
]
TargetColumns = Annotated[
    list[str] | None,
    typer.Option("--target-column", help="Column of a table to predict; may be repeated."),
]
SplitColumn = Annotated[
    str | None,
    typer.Option(
        "--split-column",
        help="Column of a table that says train, val or test; without it the split is random.",
    ),
]
Part = Annotated[str, typer.Option("--split", help="Which part to scan: train, val or test.")]
CriterionName = Annotated[
    str,
    typer.Option(
        "--criterion",
        help="paper2025: ratio above 1000; sun2024: and magnitude above 100.",
    ),
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Molecules per batch.")]


def data_spec(
    data: str,
    root: Path | None,
    smiles_column: str,
    target_columns: list[str] | None,
    split_column: str | None,
) -> dict[str, Any]:
    """Describe data in plain values, as arguments of ``edgescope.data.load``.

    Paths are made absolute, so that a run can be scanned from another folder.
    """
    spec: dict[str, Any] = {"source": data}
    if is_table(data):
        spec["source"] = str((root / data if root else Path(data)).absolute())
        root = None
    if root is not None:
        spec["root"] = str(root.absolute())
    if smiles_column != "smiles":
        spec["smiles_column"] = smiles_column
    if target_columns:
        spec["target_columns"] = list(target_columns)
    if split_column:
        spec["split"] = split_column
    return spec


def is_table(data: str) -> bool:
    """Say whether ``--data`` names a file, as ``edgescope.data.load`` will take it."""
    return data not in es.data.names() and es.data.looks_like_a_table(data)
