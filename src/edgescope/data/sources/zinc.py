"""ZINC: drug-like molecules and their penalised logP."""

import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import torch

from edgescope.data.chemistry.molecule_dataset import ZINC_VOCABULARY
from edgescope.data.flat_groups import end_to_end
from edgescope.data.graphs import GraphDataset
from edgescope.data.molecule_tables.molecule_cache import cache_folder
from edgescope.data.molecule_tables.molecule_table import table_source
from edgescope.data.sources.data_card import Card
from edgescope.data.sources.penalised_logp import penalised_logp
from edgescope.data.sources.source import Request, Source, register
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

_TARGET = "penalized_logp"
_TIMEOUT = 60


class _Zinc(Source):
    """Molecules of ZINC in the published order, and their penalised logP.

    ``root`` (or a folder called as the data set in it) holds either ``train.csv``, ``val.csv`` and
    ``test.csv`` with the columns ``smiles`` and ``penalized_logp``; or PyG's own ``ZINC``, which
    has no SMILES: such graphs can be trained on and scanned, but their molecules cannot be drawn,
    and a warning says so. Without ``root``, the SMILES are downloaded, their targets are computed
    with RDKit (minutes), and the tables are kept in the cache folder.
    """

    vocabulary = ZINC_VOCABULARY
    as_written = "types"
    subset: ClassVar[bool] = False

    def load(self, request: Request) -> Splits:
        """Read the tables or PyG's files, or download the molecules.

        Raises:
            InputError: if ``root`` is not given and nothing can be downloaded, or a file is
                missing.
        """
        root = request.root
        if root is None:
            root = self.downloaded(progress=request.progress)
            request = request._replace(root=root)
        below = root / self.name if (root / self.name).is_dir() else root
        if _pyg_files(below, subset=self.subset):
            return _without_smiles(below, self.name, subset=self.subset)
        folder = request.folder(
            self.name,
            "the folder that holds train.csv, val.csv and test.csv with the columns smiles and "
            f"{_TARGET}",
            [f"{part}.csv" for part in PARTS],
        )
        files = (table_source(folder / f"{part}.csv", "smiles", [_TARGET], None) for part in PARTS)
        return Splits(*(replace(request.read(file).molecules, split="published") for file in files))

    def downloaded(self, *, progress: bool) -> Path:
        """Return the folder of the downloaded tables, after a download if they are not there."""
        target = cache_folder() / "downloads" / self.name
        if all((target / f"{part}.csv").is_file() for part in PARTS):
            return target
        tables = self.tables(progress=progress)
        target.mkdir(parents=True, exist_ok=True)
        for part, size in zip(PARTS, self.card.parts, strict=True):
            _check_size(f"the {part} part of {self.name}", tables[part].height, size)
            with replacing(target / f"{part}.csv") as temporary:
                tables[part].write_csv(temporary)
        return target

    def tables(self, *, progress: bool) -> dict[str, pl.DataFrame]:
        """Download the SMILES of every part and compute their targets."""
        smiles = {part: _fetch(SMILES_URL.format(_file(part))).split() for part in PARTS}
        for part, size in zip(PARTS, self.card.parts, strict=True):
            _check_size(SMILES_URL.format(_file(part)), len(smiles[part]), size)
        targets = penalised_logp([smiles[part] for part in PARTS], progress=progress)
        return {
            part: pl.DataFrame({"smiles": smiles[part], _TARGET: values})
            for part, values in zip(PARTS, targets, strict=True)
        }


def _card(
    title: str,
    parts: tuple[int, int, int],
    nodes: int | None,
    directed_edges: int | None,
    edge_types: Mapping[str, int | None],
) -> Card:
    return Card(
        title=f"{title} and their penalised logP, z-scored",
        level="graph",
        task="regression",
        targets=1,
        parts=parts,
        nodes=nodes,
        directed_edges=directed_edges,
        edge_types=edge_types,
        split="published",
        source="Irwin et al., 2012; SMILES of github.com/wengong-jin/icml18-jtnn, positions of "
        "github.com/graphdeeplearning/benchmarking-gnns (Dwivedi et al., 2020)",
        licence="MIT (both repositories); ZINC is free to use",
    )


@register
class Zinc(_Zinc):
    """The full ZINC: 249,456 drug-like molecules and their penalised logP."""

    name = "zinc"
    card = _card(
        "drug-like molecules",
        (220_011, 24_445, 5_000),
        None,
        None,
        {"none": 0, "single": None, "double": None, "triple": None},
    )


@register
class Zinc12k(_Zinc):
    """ZINC-12k: the benchmark's 12,000 molecules of ZINC.

    Dwivedi et al., "Benchmarking Graph Neural Networks", 2020. Downloaded molecules are those of
    the full set at the positions in the benchmark's index files.
    """

    name = "zinc12k"
    card = _card(
        "the benchmark's 12,000 molecules of ZINC",
        (10_000, 1_000, 1_000),
        277_864,
        597_970,
        {"none": 0, "single": 444_258, "double": 152_134, "triple": 1_578},
    )
    recipes = "zinc"
    subset = True

    def tables(self, *, progress: bool) -> dict[str, pl.DataFrame]:
        """Take the molecules of the benchmark out of the full set."""
        full = Zinc().downloaded(progress=progress)
        return {part: pl.read_csv(full / f"{part}.csv")[_index(part)] for part in PARTS}


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
        parts.append(
            GraphDataset(
                **end_to_end(graphs),
                x=torch.cat([graph.x.view(-1) for graph in graphs]),
                edge_attr=torch.cat([graph.edge_attr.view(-1) for graph in graphs]),
                y=torch.stack([graph.y.view(1) for graph in graphs]),
                vocabulary=ZINC_VOCABULARY,
                edge_type_names=("none", "single", "double", "triple"),
                target_names=(_TARGET,),
                name=f"{name}/{label}",
                split="published",
            )
        )
    return Splits(*parts)


def _file(part: str) -> str:
    return "valid" if part == "val" else part


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
