"""Fingerprints of data: whether graphs are those of before, and if not, which are others.

They are of what a model is given, not of a file: the same table in another place, with other
comments or further columns, has the same fingerprint.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.graphs import GraphDataset

Digests = NDArray[np.uint64]

_DIGITS = 32
"""Hexadecimal digits of a fingerprint: two data sets share one with a chance of about 2^-128."""

_AT_ONCE = 2**24
"""Numbers that are hashed at once; those of a large graph need not be copied as a whole."""


class Fingerprint(NamedTuple):
    """Fingerprint of one part of a data set."""

    graphs: str
    """Of nodes, edges, their types and features, in their order, and of what the types mean."""
    targets: str
    """Of what is known of the graphs or nodes: targets, true edges and the nodes of the part."""


class Hasher:
    """Takes fingerprints of data sets, and hashes a tensor that several of them share once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Tensor, str]] = {}

    def __call__(self, dataset: GraphDataset) -> Fingerprint:
        """Return the fingerprint of a data set."""
        meaning = {
            "node types": list(dataset.vocabulary),
            "edge types": list(dataset.edge_type_names),
            "node columns": dict(dataset.node_columns),
            "edge columns": dict(dataset.edge_columns),
        }
        names = {
            "targets": list(dataset.target_names),
            "classes": list(getattr(dataset, "class_names", ())),
        }
        graphs = ("node_ptr", "edge_ptr", "x", "edge_index", "edge_attr")
        return Fingerprint(
            self._joined(meaning, dataset, graphs),
            self._joined(names, dataset, ("y", "mask", "edge_truth")),
        )

    def _joined(self, words: dict[str, Any], dataset: GraphDataset, fields: Iterable[str]) -> str:
        told = {"words": words} | {
            field: None if (tensor := getattr(dataset, field, None)) is None else self._of(tensor)
            for field in fields
        }
        # Column names of a published data set stand in an order of their own, as x does.
        text = json.dumps(told, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]

    def _of(self, tensor: Tensor) -> str:
        """Return a digest of a tensor with its type and shape, so that no two look alike."""
        if id(tensor) not in self._known:
            digest = hashlib.sha256(f"{tensor.dtype} {list(tensor.shape)}".encode())
            for piece in torch.split(tensor.reshape(-1), _AT_ONCE):
                digest.update(_bits(piece).data)
            self._known[id(tensor)] = tensor, digest.hexdigest()  # kept, so that its id stays its
        return self._known[id(tensor)][1]


def fingerprint(dataset: GraphDataset) -> Fingerprint:
    """Return the fingerprint of a data set.

    Example:
        >>> import edgescope as es
        >>> from edgescope.data.fingerprint import fingerprint
        >>> test = es.data.load("solubility").test
        >>> fingerprint(test) == fingerprint(test.renamed("other"))
        True
        >>> fingerprint(test) == fingerprint(test[:100])
        False
    """
    return Hasher()(dataset)


def digests_of_graphs(dataset: GraphDataset) -> tuple[Digests, Digests]:
    """Return 64 bits of every graph, and of every graph's targets, each ``[N]``.

    Of graphs with targets of their own, not of their nodes.

    Two different graphs share theirs with a chance of about 2^-64, unless somebody meant them to.
    They tell which graphs are others, where :func:`fingerprint` says that some are.
    """
    nodes = _per_group(dataset.x, dataset.node_ptr)
    ends = _per_group(dataset.edge_index.T, dataset.edge_ptr)
    kinds = _per_group(dataset.edge_attr, dataset.edge_ptr)
    one_each = torch.arange(len(dataset) + 1)
    return scattered(scattered(nodes + ends) + kinds), _per_group(dataset.y, one_each)


def _per_group(values: Tensor, ptr: Tensor) -> Digests:
    """Return 64 bits of the rows of every group, in their order."""
    size = values[0].numel() if len(values) else 0
    bits = _bits(values).view(f"i{values.element_size()}").reshape(len(values), size)
    ends = ptr.numpy()
    place = np.arange(len(bits)) - np.repeat(ends[:-1], np.diff(ends))
    rows = scattered(place.astype(np.uint64))
    for column in bits.T:
        rows = scattered(rows + column.astype(np.int64).view(np.uint64))
    return scattered(summed(rows, ptr))


def summed(rows: Digests, ptr: Tensor) -> Digests:
    """Return the sum over every group, which wraps around and so is exact."""
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(rows, dtype=np.uint64)])
    return np.asarray(sums[ptr[1:].numpy()] - sums[ptr[:-1].numpy()])


def scattered(values: Digests) -> Digests:
    """Turn integers into random-looking ones (splitmix64, Steele et al., OOPSLA 2014)."""
    z = values + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Digests = z ^ (z >> np.uint64(31))
    return mixed


def _bits(tensor: Tensor) -> NDArray[np.uint8]:
    """Return the bytes of a tensor, one way of writing for NaN and one for zero."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    if flat.is_floating_point():
        flat = torch.where(flat.isnan(), torch.nan, flat + 0.0)
    return flat.numpy().view(np.uint8)
