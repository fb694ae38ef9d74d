"""Small folders in the layouts of published data sets, written by the tests."""

import gzip
from pathlib import Path

import numpy as np


def pack(path: Path, rows) -> None:
    """Write numbers as OGB does: a row per line, without header, packed with gzip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (",".join(map(str, np.atleast_1d(row))) for row in rows)
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))


def proteins(folder: Path, nodes: int = 60, edges: int = 300, seed: int = 0) -> Path:
    """Write a random graph in the layout of ogbn-proteins, three species, one per part."""
    random = np.random.default_rng(seed)
    raw, split = folder / "ogbn_proteins" / "raw", folder / "ogbn_proteins" / "split" / "species"
    pack(raw / "edge.csv.gz", random.integers(0, nodes, (edges, 2)))
    pack(raw / "edge-feat.csv.gz", random.integers(0, 1001, (edges, 8)) / 1000)
    pack(raw / "num-node-list.csv.gz", [nodes])
    pack(raw / "num-edge-list.csv.gz", [edges])
    bounds = (nodes // 2, 3 * nodes // 4, nodes)
    part = np.searchsorted(bounds, np.arange(nodes), side="right")
    shuffled = random.permutation(nodes)
    species = np.empty(nodes, dtype=int)
    species[shuffled] = np.array([9606, 4932, 3702])[part]
    pack(raw / "node_species.csv.gz", species)
    pack(raw / "node-label.csv.gz", random.integers(0, 2, (nodes, 112)))
    for number, name in enumerate(("train", "valid", "test")):
        pack(split / f"{name}.csv.gz", shuffled[part == number])
    return folder


def tu(folder: Path, name: str, *, edge_labels: bool) -> Path:
    """Write ten rings in the layout of the TU collection, with types that all occur."""
    raw = folder / name / "raw"
    raw.mkdir(parents=True)
    edges, nodes, types, bonds = [], [], [], []
    for graph in range(10):
        first, size = len(nodes) + 1, 4 + graph
        for place in range(size):
            here, there = first + place, first + (place + 1) % size
            edges += [(here, there), (there, here)]
            bonds += [(place + graph) % 4] * 2
        nodes += [graph + 1] * size
        types += [(graph + place) % (7 if edge_labels else 3) for place in range(size)]
    files = {
        "A": [f"{a}, {b}" for a, b in edges],
        "graph_indicator": nodes,
        "graph_labels": [1 if graph % 2 else -1 for graph in range(10)],
        "node_labels": types,
        **({"edge_labels": bonds} if edge_labels else {}),
    }
    for file, lines in files.items():
        (raw / f"{name}_{file}.txt").write_text("\n".join(map(str, lines)) + "\n")
    return folder


def wikipedia(path: Path, nodes: int = 20) -> Path:
    """Write a random graph in the layout of heterophilous-graphs."""
    random = np.random.default_rng(0)
    part = np.stack([random.permutation(nodes) % 3 for _ in range(10)])
    np.savez(
        path,
        node_features=random.random((nodes, 6), dtype=np.float32),
        node_labels=random.integers(0, 5, nodes),
        edges=random.integers(0, nodes, (50, 2)),
        train_masks=part == 0,
        val_masks=part == 1,
        test_masks=part == 2,
    )
    return path
