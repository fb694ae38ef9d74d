"""ogbn-proteins: 132,534 proteins and 79 million associations, from OGB's raw files."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from torch import Tensor

from edgescope.data.graphs import SINGLE_EDGE_TYPE
from edgescope.data.molecule_tables.split_choice import parts_from_files, read_columns
from edgescope.data.node_dataset import Incoming, NodeDataset
from edgescope.data.sources.data_card import Card
from edgescope.data.sources.source import Request, Source, register
from edgescope.data.splits import PARTS, Splits
from edgescope.lib.errors import InputError

NODES = 132_534
"""Nodes of ogbn-proteins (Hu et al., arXiv 2005.00687, table 2)."""

EDGES = 79_122_504
"""Its directed edges: 39,561,252 undirected ones, both ways (the same table)."""

FEATURES = 8
"""Its features of an edge, from 0 to 1: the strength of eight kinds of association."""

TASKS = 112
"""Protein functions to predict."""

FANOUTS = (5, 10, 15)
"""Neighbours per hop of a batch, as in the published runs."""

SPECIES = {
    3702: "Arabidopsis thaliana",
    4932: "Saccharomyces cerevisiae",
    6239: "Caenorhabditis elegans",
    7227: "Drosophila melanogaster",
    7955: "Danio rerio",
    9606: "Homo sapiens",
    10090: "Mus musculus",
    511145: "Escherichia coli K-12",
}
"""Names of species by their taxonomy number at the NCBI."""

_RAW = ("edge", "edge-feat", "num-node-list", "num-edge-list", "node_species", "node-label")


@register
class OgbnProteins(Source):
    """Associations between proteins of eight species, and their functions.

    Hu et al., "Open Graph Benchmark" (2020), from STRING (Szklarczyk et al., 2019). ``root`` holds
    OGB's folder ``ogbn_proteins`` as unpacked (``raw/*.csv.gz`` and ``split/species/*.csv.gz``).
    The ``ogb`` package itself is not needed. Nodes have their species as type, edges eight
    features; every edge of the file is followed by its inverse, as OGB does. The parts are other
    species. Reading the whole set takes about a minute and 8 GB of memory
    (extrapolated from a sixth of it: 3 s and 1.5 GB).

    A loader over a part gives batches of sampled neighbours, 5, 10 and 15 per hop (see
    :class:`~edgescope.data.NeighborBatches`); ``es.train.evaluate_large`` predicts over all edges.
    """

    name = "ogbn-proteins"
    card = Card(  # the published counts
        title="associations between proteins of eight species, and their functions",
        level="node",
        task="labels",
        targets=TASKS,
        parts=(86_619, 21_236, 24_679),
        nodes=NODES,
        directed_edges=EDGES,
        edge_types={"edge": EDGES},
        split="published, by species",
        source="Hu et al., 2020 (ogb.stanford.edu), from STRING (Szklarczyk et al., 2019)",
        licence="CC0",
    )
    features = None
    recipes = "proteins"

    def load(self, request: Request) -> Splits:
        """Read the files.

        Raises:
            InputError: if ``root`` is not given, a file is missing, cut short or holds other counts
                than ``num-node-list`` and ``num-edge-list`` say, or a node is in two parts.
        """
        folder = _folder(request)
        raw = _raw(folder / "raw")
        paths = [
            folder / "split" / "species" / f"{part}.csv.gz" for part in ("train", "valid", "test")
        ]
        part = torch.from_numpy(parts_from_files(paths, len(raw.species), "node"))
        known, species = np.unique(raw.species, return_inverse=True)
        nodes, edges = len(species), raw.edge_index.size(1)
        incoming = Incoming(raw.edge_index, nodes)
        shared: dict[str, Any] = {
            "node_ptr": torch.tensor([0, nodes]),
            "edge_ptr": torch.tensor([0, edges]),
            "x": torch.from_numpy(species.astype(np.int64)),
            "edge_index": raw.edge_index,
            "edge_attr": raw.edge_attr,
            "vocabulary": tuple(SPECIES.get(number, str(number)) for number in known.tolist()),
            "edge_type_names": SINGLE_EDGE_TYPE,
            "target_names": tuple(f"function {task}" for task in range(raw.label.size(1))),
            "split": "published, by species",
            "incoming": incoming,
            "fanouts": FANOUTS,
        }
        return Splits(
            *(
                NodeDataset(
                    name=f"{self.name}/{label}",
                    mask=part == number,
                    y=raw.label.where((part == number)[:, None], torch.nan),
                    **shared,
                )
                for number, label in enumerate(PARTS)
            )
        )


class _Raw(NamedTuple):
    """What the files hold; ``E`` counts both directions."""

    edge_index: Tensor
    edge_attr: Tensor
    species: np.ndarray
    label: Tensor


def _folder(request: Request) -> Path:
    files = [f"raw/{name}.csv.gz" for name in _RAW]
    what = "the folder that holds ogbn_proteins as OGB unpacks it, with raw and split/species"
    return request.folder("ogbn-proteins", what, files, "ogbn_proteins")


def _raw(folder: Path) -> _Raw:
    """Read and check the raw files."""

    def numbers(name: str, columns: int, kind: type[pl.DataType], what: str) -> np.ndarray:
        schema = {f"column {number}": kind for number in range(columns)}
        return read_columns(folder / f"{name}.csv.gz", schema, what).to_numpy()

    one = "one whole number"
    nodes = int(numbers("num-node-list", 1, pl.Int64, one)[0, 0])
    edges = int(numbers("num-edge-list", 1, pl.Int64, one)[0, 0])
    pair = numbers("edge", 2, pl.Int64, "two node numbers per line")
    _count(folder, "edge", len(pair), edges, "edges")
    if len(pair) and not 0 <= pair.min() <= pair.max() < nodes:
        raise InputError(
            f"{folder / 'edge.csv.gz'} has edges between nodes {pair.min()} to {pair.max()}, "
            f"expected 0 to {nodes - 1}; get the file again"
        )
    # Edge 2k of the file's edge k, and 2k + 1 the other way.
    ends = torch.from_numpy(pair)
    edge_index = torch.stack([ends.flatten(), ends.flip(1).flatten()])
    del pair, ends
    feature = numbers("edge-feat", FEATURES, pl.Float32, f"{FEATURES} numbers per line")
    _count(folder, "edge-feat", len(feature), edges, "edges")
    if len(feature) and not (feature.min() >= 0 and feature.max() <= 1):
        raise InputError(
            f"{folder / 'edge-feat.csv.gz'} has features from {feature.min():g} to "
            f"{feature.max():g}, expected 0 to 1; get the file again"
        )
    edge_attr = torch.from_numpy(feature).repeat_interleave(2, dim=0)
    species = numbers("node_species", 1, pl.Int64, "one taxonomy number per line")[:, 0]
    _count(folder, "node_species", len(species), nodes, "nodes")
    label = numbers("node-label", TASKS, pl.Float32, f"{TASKS} labels per line")
    _count(folder, "node-label", len(label), nodes, "nodes")
    if not np.isin(label, (0, 1)).all():
        raise InputError(
            f"{folder / 'node-label.csv.gz'} has a label other than 0 and 1; get the file again"
        )
    return _Raw(edge_index, edge_attr, species, torch.from_numpy(label))


def _count(folder: Path, name: str, found: int, expected: int, what: str) -> None:
    if found != expected:
        raise InputError(
            f"{folder / name}.csv.gz has {found} lines, expected one for each of {expected} "
            f"{what}; it may be cut short, get it again"
        )
