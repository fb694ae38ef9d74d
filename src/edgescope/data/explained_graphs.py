"""Graphs whose class follows from known nodes, in the layout of the OGX benchmarks.

Fontanesi et al., "A method for the systematic generation of graph XAI benchmarks via
Weisfeiler-Leman coloring", 2026; github.com/OpenGraphXAI/benchmarks. Its script writes, with
``--format json``, a folder with two folders ``class0`` and ``class1``, of a file per graph: the
node-link form of networkx, with ``nodes`` that have ``id``, ``x`` (the type, an integer) and
``mask`` (whether it is part of the reason), and ``links`` or ``edges`` with ``source`` and
``target``, each of which stands for both directions. Nodes of a class without a reason have no
``mask``.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgescope.data.graphs import SINGLE_EDGE_TYPE, GraphDataset
from edgescope.data.sources.data_card import TRUTH_RULES, TruthRule
from edgescope.data.splits import DEFAULT_FRACTIONS, Splits, divide_at_random
from edgescope.lib.errors import InputError
from edgescope.lib.input_files import reading, whole

CLASSES = ("class0", "class1")


def load_ogx(
    folder: str | Path,
    *,
    truth_rule: TruthRule = "both",
    seed: int = 0,
    fractions: tuple[float, float, float] = DEFAULT_FRACTIONS,
) -> Splits:
    """Load a benchmark of OGX from a user's JSON files, with the edges that decide the class.

    A graph of a class without a reason has an ``edge_truth`` of 0 throughout: score these with
    :func:`edgescope.attribute.on_null_explanations`. The published files are pickles, which can run
    any code and are not read; the published script writes JSON as well. The published splits are
    pickles too, so the parts are drawn with ``seed``.

    Args:
        folder: holds ``class0`` and ``class1``.
        truth_rule: whether an edge is true if ``"both"`` its nodes are, or ``"either"``.
        seed: decides the parts.
        fractions: sizes of train, val and test.

    Raises:
        InputError: if an option is unknown, or files are missing or of another kind.

    Example:
        >>> import edgescope as es
        >>> splits = es.data.load_ogx("alfa")  # doctest: +SKIP
    """
    if truth_rule not in TRUTH_RULES:
        raise InputError(f"received truth_rule={truth_rule!r}, expected {' or '.join(TRUTH_RULES)}")
    folder = Path(folder)
    graphs, labels = [], []
    for label, name in enumerate(CLASSES):
        files = sorted((folder / name).glob("*.json"))
        if not files:
            raise InputError(
                f"expected JSON files of graphs in {folder / name}, found none; write the "
                "benchmark with --format json, or check the path"
            )
        for file in files:
            with reading(f"{file}", "write the benchmark again"):
                graphs.append(_graph(json.loads(whole(file, "a graph"))))
            labels.append(label)
    types = torch.cat([x for x, _, _ in graphs])
    edges = [edge_index for _, edge_index, _ in graphs]
    true = [mask[edge_index] for (_, edge_index, mask) in graphs]
    truth = torch.cat([ends.all(0) if truth_rule == "both" else ends.any(0) for ends in true])
    dataset = GraphDataset(
        node_ptr=torch.tensor([0, *(len(x) for x, _, _ in graphs)]).cumsum(0),
        edge_ptr=torch.tensor([0, *(each.size(1) for each in edges)]).cumsum(0),
        x=types,
        edge_index=torch.cat(edges, dim=1),
        edge_attr=torch.zeros(len(truth), dtype=torch.long),
        y=torch.tensor(labels, dtype=torch.float32).unsqueeze(1),
        vocabulary=tuple(f"type {number}" for number in range(int(types.max()) + 1)),
        edge_type_names=SINGLE_EDGE_TYPE,
        target_names=("class",),
        name=f"ogx {folder.name}",
        task="labels",
        edge_truth=truth.float().unsqueeze(1),
    )
    return divide_at_random(dataset, seed, fractions)


def _graph(plain: Any) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401  (whatever the file holds)
    """Return node types ``[V]``, both directions of all edges ``[2, E]``, true nodes ``[V]``."""
    nodes = plain["nodes"]
    number = {node["id"]: place for place, node in enumerate(nodes)}
    links = plain["links"] if "links" in plain else plain["edges"]
    pairs = [(number[link["source"]], number[link["target"]]) for link in links]
    ends = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)
    both = torch.stack([ends, ends.flip(1)], dim=1).reshape(-1, 2).T
    types = torch.tensor([int(node["x"]) for node in nodes], dtype=torch.long)
    mask = torch.tensor([bool(node.get("mask", False)) for node in nodes], dtype=torch.bool)
    if not nodes or len(number) != len(nodes) or int(types.min()) < 0:
        raise ValueError("no nodes, two of the same id, or a negative type")
    return types, both, mask
