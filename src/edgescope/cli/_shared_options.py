"""Options that several commands share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import edgescope as es
from edgescope.cli._modes import Choice
from edgescope.lib.errors import InputError, did_you_mean

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
TableSplit = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="scaffold|random",
        help="Divide a table 8:1:1, by scaffold (molecules with the same rings and linkers stay "
        "together) or at random; 'scaffold,0.7,0.1,0.2' gives other fractions. Without it: "
        "--split-column, or random.",
    ),
]
IdColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--id-column",
        help="Column of a table that tells which molecule a row is; may be repeated. Without it: "
        "the columns whose names say so, such as mol_id, name, CAS.",
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option(
        "--decimal",
        metavar=".|,",
        help="Mark before decimals in a table, where it cannot be found out.",
    ),
]
Features = Annotated[
    str | None,
    typer.Option(
        "--features",
        metavar="types|ogb",
        help="types: one type per atom and bond; ogb: nine and three features of the Open Graph "
        "Benchmark. Without it: what the data set is used with.",
    ),
]
Rewire = Annotated[
    str | None,
    typer.Option(
        "--rewire",
        metavar="HOW",
        help="Change the edges of all graphs. shuffle_types: the types change places; "
        "random_types: types at random; random_edges: more edges, of a type of their own, between "
        "random nodes; virtual_node: a node joined to all others of its graph.",
    ),
]
RewireShare = Annotated[
    float | None,
    typer.Option(
        "--rewire-share",
        metavar="SHARE",
        help="Of random_edges: how many are added per edge of a graph. Without it: 0.5.",
    ),
]
RewireSeed = Annotated[
    int | None,
    typer.Option("--rewire-seed", help="Seed of what --rewire draws. Without it: 0."),
]
Part = Annotated[str, typer.Option("--split", help="Which part to scan: train, val or test.")]
CriterionName = Annotated[
    str,
    typer.Option(
        "--criterion",
        metavar="NAME",
        help="What is called massive. paper2025: ratio above 1000; sun2024: and magnitude above "
        "100; calibrated: ratio or magnitude above what untrained models reach at that site.",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        metavar="SHARE",
        help="Of the calibrated criterion: which share of an untrained model's edges may be "
        "called massive. Without it: what the ensemble supports, 0.01 with ten members.",
    ),
]
Fdr = Annotated[
    float | None,
    typer.Option(
        "--fdr",
        metavar="SHARE",
        help="Of the calibrated criterion: at which share of untrained models some site may be "
        "called massive, which bounds the share of such sites. Without it: 0.05.",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="untrained|PATH",
        help="What to compare with. untrained: an ensemble of the model initialised anew; PATH: a "
        "saved scan, another run (as trained) or weights (.safetensors). Without it: the "
        "run's own weights before training, or the ensemble if the criterion is calibrated.",
    ),
]
Members = Annotated[
    int | None,
    typer.Option(
        "--members", min=1, help="How many models are in the untrained ensemble. Without it: 10."
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed", help="Seed of the ensemble's first model; the others follow. Without it: 0."
    ),
]
ShardFolder = Annotated[
    Path | None,
    typer.Option(
        "--shards",
        metavar="DIR",
        help="Keep what is finished in this folder, so that the same command goes on from there "
        "if it is interrupted. It is emptied at the end.",
    ),
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Molecules per batch.")]


def data_spec(
    data: str,
    root: Path | None,
    smiles_column: str,
    target_columns: list[str] | None,
    split_column: str | None,
    id_columns: list[str] | None = None,
    decimal: str | None = None,
    split: str | None = None,
) -> dict[str, Any]:
    """Describe data in plain values, as arguments of ``edgescope.data.load``.

    Paths are made absolute, so that a run can be scanned from another folder.

    Raises:
        InputError: if the split is said twice, or is no split that can be computed.
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
    if split is not None:
        if split_column:
            raise InputError(
                f"received --split {split} and --split-column {split_column}; give one of them"
            )
        spec["split"] = _computed_split(split) if is_table(data) else split
    if id_columns:
        spec["id_columns"] = list(id_columns)
    if decimal is not None:
        spec["decimal"] = decimal
    return spec


def _computed_split(text: str) -> list[str | float]:
    """Read ``scaffold`` or ``scaffold,0.7,0.1,0.2``, which is never the name of a column."""
    from edgescope.data.molecule_tables.split_choice import COMPUTED
    from edgescope.data.splits import DEFAULT_FRACTIONS

    way, *fractions = (word.strip() for word in text.split(","))
    if way not in COMPUTED:
        advice = did_you_mean(way, COMPUTED, "a column is named by --split-column")
        raise InputError(f"received --split {text}, expected {' or '.join(COMPUTED)}; {advice}")
    try:
        return [way, *(map(float, fractions) if fractions else DEFAULT_FRACTIONS)]
    except ValueError:
        raise InputError(
            f"received --split {text}, expected numbers behind {way}, as in {way},0.7,0.1,0.2"
        ) from None


def rewiring(how: str | None, share: float | None, seed: int | None) -> dict[str, Any]:
    """Describe what is done to the edges, as an argument of ``edgescope.data.load``."""
    given = {"share": share, "seed": seed}
    told = {name: value for name, value in given.items() if value is not None}
    return {} if how is None else {"rewire": {"how": how, **told}}


OF_TABLE = (
    *("smiles_column", "target_columns", "split_column", "split"),
    *("id_columns", "decimal"),
)
"""Parameters that name columns of a table."""

TABLE, WHOLE_PATH = "for a table", "for a table with its whole path"
PUBLISHED, BUILT_IN = "for a published data set", "for a built-in data set"
WITH_SPLITS = "for a published data set with several splits"


def kind_of_data(source: str) -> str | None:
    """Return which of these kinds of data a source is; None if it is none that is known."""
    if is_table(source):
        return WHOLE_PATH if Path(source).is_absolute() else TABLE
    known = es.data.sources.source.find(source)
    if known is None or not known.files:
        return None if known is None else BUILT_IN
    return WITH_SPLITS if known.splits else PUBLISHED


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

OTHER_DATA_CHOICE = Choice(
    {
        OWN: ("part", "root"),
        TABLE: ("root", "smiles_column", "id_columns"),
        WHOLE_PATH: ("smiles_column", "id_columns"),
        PUBLISHED: ("root", "part"),
        BUILT_IN: ("part",),
    },
    lambda given: OWN if given["data"] is None else _simple(kind_of_data(str(given["data"]))),
)
"""What has an effect on the data of a command that takes a run's own without ``--data``."""


def _simple(kind: str | None) -> str | None:
    return PUBLISHED if kind == WITH_SPLITS else kind


def _rewired(given: Mapping[str, Any]) -> str | None:
    mode = "without --rewire" if given["rewire"] is None else f"with --rewire {given['rewire']}"
    return mode if mode in REWIRE_CHOICE.modes else None


REWIRE_CHOICE = Choice(
    {
        "without --rewire": (),
        "with --rewire random_edges": ("rewire_share", "rewire_seed"),
        "with --rewire shuffle_types": ("rewire_seed",),
        "with --rewire random_types": ("rewire_seed",),
        "with --rewire virtual_node": (),
    },
    _rewired,
)
"""What has an effect on how edges are changed."""


def is_table(data: str) -> bool:
    """Say whether ``--data`` names a file, as ``edgescope.data.load`` will take it."""
    return data not in es.data.names() and es.data.looks_like_a_table(data)
