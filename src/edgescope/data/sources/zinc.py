"""ZINC: drug-like molecules and their penalised logP."""

import urllib.error
import urllib.request
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from edgescope.data.chemistry.molecule_dataset import ZINC_VOCABULARY
from edgescope.data.graphs import GraphDataset
from edgescope.data.molecule_tables.molecule_cache import cache_folder
from edgescope.data.molecule_tables.molecule_table import table_source
from edgescope.data.sources.penalised_logp import penalised_logp
from edgescope.data.sources.source import Request
from edgescope.data.splits import PARTS, Splits
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.files import replacing
from edgescope.lib.input_files import reading

SMILES_URL = "https://raw.githubusercontent.com/wengong-jin/icml18-jtnn/master/data/zinc/{}.txt"
"""SMILES of each part, one per line, in the repository of the junction tree VAE (MIT licence)."""

INDEX_URL = (
    "https://raw.githubusercontent.com/graphdeeplearning/benchmarking-gnns/"
    "master/data/molecules/{}.index"
)
"""Which of each part are in ZINC-12k, in the repository of the benchmark (MIT licence)."""

SIZES = {"train": 220_011, "val": 24_445, "test": 5_000}
"""Molecules in the parts of the full set."""

SUBSET_SIZES = {"train": 10_000, "val": 1_000, "test": 1_000}
"""Molecules in the parts of ZINC-12k."""

_TARGET = "penalized_logp"
_TIMEOUT = 60


def zinc12k(request: Request) -> Splits:
    """Load ZINC-12k: 12,000 drug-like molecules and their penalised logP.

    A subset of ZINC in the order of the published benchmark (10,000 / 1,000 / 1,000 molecules):
    Dwivedi et al., "Benchmarking Graph Neural Networks", 2020. ``root`` holds ``train.csv``,
    ``val.csv`` and ``test.csv`` (or a folder ``zinc12k`` with these) with the columns ``smiles``
    and ``penalized_logp``; for what else it may hold, see :func:`zinc`. Downloaded molecules are
    those of the full set at the positions in the benchmark's index files.

    Raises:
        InputError: if ``root`` is not given and nothing can be downloaded, or a file is missing.
    """
    return _zinc(request, "zinc12k", SUBSET_SIZES)


def zinc(request: Request) -> Splits:
    """Load the full ZINC: 249,456 drug-like molecules and their penalised logP.

    The parts are 220,011 / 24,445 / 5,000 molecules. ``root`` (or a folder ``zinc`` in it) holds
    either ``train.csv``, ``val.csv`` and ``test.csv`` with the columns ``smiles`` and
    ``penalized_logp``; or PyG's own ``ZINC``, which has no SMILES: such graphs can be trained on
    and scanned, but their molecules cannot be drawn, and a warning says so. Without ``root``, the
    SMILES are downloaded, their targets are computed with RDKit (minutes), and the tables are kept
    in the cache folder.

    Raises:
        InputError: if ``root`` is not given and nothing can be downloaded, or a file is missing.
    """
    return _zinc(request, "zinc", SIZES)


def _zinc(request: Request, name: str, sizes: dict[str, int]) -> Splits:
    root = request.root
    if root is None:
        root = _downloaded(name, sizes, progress=request.progress)
        request = request._replace(root=root)
    below = root / name if (root / name).is_dir() else root
    subset = name == "zinc12k"
    if _pyg_files(below, subset=subset):
        return _without_smiles(below, name, subset=subset)
    folder = request.folder(
        name,
        f"the folder that holds train.csv, val.csv and test.csv with the columns smiles and "
        f"{_TARGET}",
        [f"{part}.csv" for part in PARTS],
    )
    files = (table_source(folder / f"{part}.csv", "smiles", [_TARGET], None) for part in PARTS)
    molecules = [request.read(file).molecules for file in files]
    named = (
        replace(part, name=f"{name}/{label}", task="regression", split="published")
        for label, part in zip(PARTS, molecules, strict=True)
    )
    return Splits(*named)


def _pyg_files(folder: Path, *, subset: bool) -> bool:
    """Say whether a folder holds what PyG's ``ZINC`` works from, and no tables."""
    kind = "subset" if subset else "full"
    needed = [folder / kind / "processed" / f"{part}.pt" for part in PARTS]
    # Without them PyG would download them again; with both it unpickles and writes nothing.
    needed += [folder / "raw" / f"{part}.{end}" for part in PARTS for end in ("pickle", "index")]
    tables = [folder / f"{part}.csv" for part in PARTS]
    return all(map(Path.is_file, needed)) and not any(map(Path.is_file, tables))


def _without_smiles(folder: Path, name: str, *, subset: bool) -> Splits:
    from torch_geometric.datasets import ZINC

    warnings.warn(
        f"{folder} holds PyG's ZINC, which has no SMILES: its molecules cannot be drawn in a "
        "report; give train.csv, val.csv and test.csv with SMILES to have them drawn",
        EdgescopeWarning,
        stacklevel=2,
    )
    parts = []
    for label in PARTS:
        with reading(f"{folder}", "get the files again"):
            graphs = list(ZINC(str(folder), subset=subset, split=label))
        nodes = torch.tensor([0, *(graph.num_nodes for graph in graphs)])
        edges = torch.tensor([0, *(graph.num_edges for graph in graphs)])
        parts.append(
            GraphDataset(
                node_ptr=nodes.cumsum(0),
                edge_ptr=edges.cumsum(0),
                x=torch.cat([graph.x.view(-1) for graph in graphs]),
                edge_index=torch.cat([graph.edge_index for graph in graphs], dim=1),
                edge_attr=torch.cat([graph.edge_attr.view(-1) for graph in graphs]),
                y=torch.stack([graph.y.view(1) for graph in graphs]),
                vocabulary=ZINC_VOCABULARY,
                edge_type_names=("none", "single", "double", "triple"),
                target_names=(_TARGET,),
                name=f"{name}/{label}",
                task="regression",
                split="published",
            )
        )
    return Splits(*parts)


def _downloaded(name: str, sizes: dict[str, int], *, progress: bool) -> Path:
    """Download the SMILES, compute the targets, and keep tables in the cache folder."""
    folder = cache_folder() / "downloads"
    for data in ("zinc", "zinc12k"):
        (folder / data).mkdir(parents=True, exist_ok=True)
    target = folder / name
    if all((target / f"{part}.csv").is_file() for part in PARTS):
        return target
    if name == "zinc12k":
        full = {part: _table(_downloaded("zinc", SIZES, progress=progress), part) for part in PARTS}
        chosen = {part: _index(part) for part in PARTS}
        tables = {part: full[part][chosen[part]] for part in PARTS}
    else:
        smiles = {part: _lines(part) for part in PARTS}
        for part in PARTS:
            _check_size(SMILES_URL.format(_file(part)), len(smiles[part]), SIZES[part])
        targets = penalised_logp([smiles[part] for part in PARTS], progress=progress)
        tables = {
            part: pl.DataFrame({"smiles": smiles[part], _TARGET: values})
            for part, values in zip(PARTS, targets, strict=True)
        }
    for part, table in tables.items():
        _check_size(f"the {part} part of {name}", table.height, sizes[part])
        with replacing(target / f"{part}.csv") as temporary:
            table.write_csv(temporary)
    return target


def _table(folder: Path, part: str) -> pl.DataFrame:
    return pl.read_csv(folder / f"{part}.csv")


def _file(part: str) -> str:
    return "valid" if part == "val" else part


def _lines(part: str) -> Sequence[str]:
    return _fetch(SMILES_URL.format(_file(part))).split()


def _index(part: str) -> np.ndarray:
    return np.array([int(number) for number in _fetch(INDEX_URL.format(part)).split(",")])


def _fetch(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310  (our own URLs)
            text: str = answer.read().decode()
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"cannot download {url} ({reason}); where there is no network, pass root, a folder "
            f"that holds train.csv, val.csv and test.csv with the columns smiles and {_TARGET}"
        ) from error
    return text


def _check_size(what: str, found: int, expected: int) -> None:
    if found != expected:
        raise InputError(
            f"{what} holds {found} molecules, expected {expected}; it is not the published set, "
            "pass root, a folder with the tables"
        )
