"""Options that several commands share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import edgescope as es
from edgescope.cli._modes import Choice
from edgescope.lib.errors import InputError

Data = Annotated[
    str,
    typer.Option(
        "--data",
        help="A published data set (`edgescope data` lists them) or a CSV or Parquet table.",
    ),
]
Root = Annotated[
    Path | None, typer.Option("--root", help="Folder that holds the files of the data set.")
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
TableSplit = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="scaffold|random",
        help="Split a table 8:1:1 by scaffold (molecules with the same rings and linkers stay "
        "together) or at random; 'scaffold,0.7,0.1,0.2' sets other fractions. Without it: "
        "--split-column, or random.",
    ),
]
IdColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--id-column",
        help="Column of a table that identifies the molecule of a row; may be repeated. Without "
        "it: columns with names such as mol_id, name, CAS.",
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option(
        "--decimal", metavar=".|,", help="Decimal mark of a table, if it cannot be detected."
    ),
]
Features = Annotated[
    str | None,
    typer.Option(
        "--features",
        metavar="types|ogb",
        help="types: one type per atom and bond; ogb: the nine atom and three bond features of "
        "the Open Graph Benchmark. Without it: the usual features of the data set.",
    ),
]
Run = Annotated[Path, typer.Argument(help="Folder of a trained run.")]
Part = Annotated[str, typer.Option("--split", help="Part of the data: train, val or test.")]
CriterionName = Annotated[
    str,
    typer.Option(
        "--criterion",
        metavar="NAME",
        help="Which activations are massive. paper2025: ratio above 1000; sun2024: ratio above "
        "1000 and magnitude above 100; calibrated: ratio or magnitude above what untrained models "
        "reach at the same site; or the name of one that an installed package adds.",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        metavar="SHARE",
        help="For the calibrated criterion: false-positive rate, the share of an untrained model's "
        "edges that may be called massive. Without it: the lowest that the ensemble supports, "
        "0.01 with ten members.",
    ),
]
Fdr = Annotated[
    float | None,
    typer.Option(
        "--fdr",
        metavar="SHARE",
        help="For the calibrated criterion: share of untrained models in which some site may be "
        "called massive; it bounds the false discovery rate. Without it: 0.05.",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="untrained|PATH",
        help="What to compare with. untrained: an ensemble of the re-initialised model; PATH: a "
        "saved scan, another run (as trained) or weights (.safetensors). Without it: the run's "
        "own weights before training, or the ensemble if the criterion is calibrated.",
    ),
]
Members = Annotated[
    int | None,
    typer.Option(
        "--members", min=1, help="Number of models in the untrained ensemble. Without it: 10."
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed", help="Seed of the first model of the ensemble; the others follow. Without it: 0."
    ),
]
ShardFolder = Annotated[
    Path | None,
    typer.Option(
        "--shards",
        metavar="DIR",
        help="Keep finished parts in this folder, so that the same command resumes there after an "
        "interruption. The folder is emptied at the end.",
    ),
]
Discover = Annotated[
    bool,
    typer.Option(
        "--discover",
        help="First print what is computed per edge beside the known layers: which of it attends.",
    ),
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Graphs per batch.")]
FirstGraphs = Annotated[
    int | None,
    typer.Option("--graphs", min=1, help="Take only so many graphs, the first. Without it: all."),
]


def other_data(verb: str) -> Any:  # noqa: ANN401  (what typer makes of an option)
    """Return the option ``--data`` of a command that takes a run's own data without it."""
    return typer.Option("--data", help=f"{verb} this data set or table instead of the run's data.")


def site_patterns(what: str, otherwise: str) -> Any:  # noqa: ANN401  (as above)
    """Return the option ``--sites``: what a command does, and with which sites without it."""
    return typer.Option(
        "--sites",
        metavar="PATTERN",
        help=f"{what} whose name matches, such as 'layers.3.*:message' (in quotes, or the shell "
        f"expands the *); may be repeated. Without it: {otherwise}.",
    )


def data_spec(
    data: str,
    root: Path | None = None,
    *,
    smiles_column: str = "smiles",
    target_columns: list[str] | None = None,
    split_column: str | None = None,
    split: str | None = None,
    id_columns: list[str] | None = None,
    decimal: str | None = None,
    features: str | None = None,
) -> dict[str, Any]:
    """Describe data in plain values, as arguments of ``edgescope.data.load``.

    Paths are made absolute, so that a run can be scanned from another folder.

    Raises:
        InputError: if the split is given twice, or cannot be computed.
    """
    spec: dict[str, Any] = {"source": data}
    table = is_table(data)
    if table:
        spec["source"] = str((root / data if root else Path(data)).absolute())
    if split is not None and split_column:
        raise InputError(
            f"received --split {split} and --split-column {split_column}; give one of them"
        )
    computed = es.data.computed_split(split) if table and split is not None else split
    given = {
        "root": None if table or root is None else str(root.absolute()),
        "smiles_column": None if smiles_column == "smiles" else smiles_column,
        "target_columns": target_columns or None,
        "split": split_column or None if computed is None else computed,
        "id_columns": id_columns or None,
        "decimal": decimal,
        "features": features,
    }
    return spec | {name: value for name, value in given.items() if value is not None}


OF_TABLE = (
    *("smiles_column", "target_columns", "split_column", "split"),
    *("id_columns", "decimal"),
)
"""Parameters that name columns of a table."""

TABLE, WHOLE_PATH = "for a table", "for a table with its whole path"
PUBLISHED, BUILT_IN = "for a published data set", "for a built-in data set"
WITH_SPLITS = "for a published data set with several splits"


def kind_of_data(source: str) -> str | None:
    """Return which of these kinds of data a source is; None if it is unknown."""
    if is_table(source):
        return WHOLE_PATH if Path(source).is_absolute() else TABLE
    if source not in es.data.names():
        return None
    if not es.data.needs_files(source):
        return BUILT_IN
    return WITH_SPLITS if es.data.published_splits(source) else PUBLISHED


DATA_CHOICE = Choice(
    {
        TABLE: ("root", *OF_TABLE),
        WHOLE_PATH: OF_TABLE,
        PUBLISHED: ("root",),
        WITH_SPLITS: ("root", "split_column", "split"),
        BUILT_IN: (),
    },
    lambda given: kind_of_data(str(given["data"])),
)
"""What has an effect on the data of a training, or on those that are counted."""

OWN = "on the run's own data"


def _other_kind(given: Mapping[str, Any]) -> str | None:
    kind = OWN if given["data"] is None else kind_of_data(str(given["data"]))
    return PUBLISHED if kind == WITH_SPLITS else kind


OTHER_DATA_CHOICE = Choice(
    {
        OWN: ("part", "root"),
        TABLE: ("root", "smiles_column", "id_columns"),
        WHOLE_PATH: ("smiles_column", "id_columns"),
        PUBLISHED: ("root", "part"),
        BUILT_IN: ("part",),
    },
    _other_kind,
)
"""What has an effect on the data of a command that takes a run's own without ``--data``."""


def is_table(data: str) -> bool:
    """Say whether ``--data`` names a file, as ``edgescope.data.load`` will take it."""
    return data not in es.data.names() and es.data.looks_like_a_table(data)


def assigned(words: Sequence[str], option: str) -> dict[str, str]:
    """Return the values that an option gives to names, as in ``--set seed=7 --set epochs=3``.

    Raises:
        InputError: if one is not of that form, or a name has two.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise InputError(f"received {option} {word}, expected {option} NAME=VALUE")
        if name in found:
            raise InputError(
                f"received {option} {name}={found[name]} and {option} {word}; leave out one of them"
            )
        found[name] = value
    return found
