"""Fingerprints of models and batches: whether a scan goes on with what it began with."""

import hashlib
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from edgescope.lib.errors import InputError

_BYTES = 16
"""Length of a fingerprint: two different things share one with a chance of about 2^-64."""


def model_fingerprint(model: nn.Module) -> str:
    """Return a fingerprint of a model's class, parameters and buffers, in hexadecimal digits.

    Raises:
        InputError: if the model has parameters that its first forward pass will draw.
    """
    digest = hashlib.blake2b(type(model).__qualname__.encode(), digest_size=_BYTES)
    for name, tensor in chain(
        model.named_parameters(remove_duplicate=False), model.named_buffers(remove_duplicate=False)
    ):
        if is_lazy(tensor):
            raise InputError(
                f"{name} has no value before the first forward pass, and a scan that goes on after "
                "an interruption needs the same model; run the model on one batch before scanning"
            )
        _add(digest, name)
        _add(digest, tensor.detach())
    return digest.hexdigest()


def batch_fingerprint(batch: Any, before: str = "") -> str:  # noqa: ANN401  (any PyG batch)
    """Return a fingerprint of a batch and of those before it, in hexadecimal digits.

    Everything that the batch holds counts: tensors, arrays, numbers and strings, in PyG's data
    objects and in mappings and sequences.
    """
    digest = hashlib.blake2b(before.encode(), digest_size=_BYTES)
    _add(digest, batch)
    return digest.hexdigest()


def fingerprint_of_loader(loader: Any) -> str:  # noqa: ANN401  (any loader)
    """Return the fingerprint of the graphs that a loader goes over; empty if it does not say.

    It is the ``graphs`` of :class:`edgescope.data.fingerprint.Fingerprint`.
    """
    if (dataset := getattr(loader, "dataset", None)) is None:
        return ""
    from edgescope.data.fingerprint import fingerprint
    from edgescope.data.graphs import GraphDataset

    return fingerprint(dataset).graphs if isinstance(dataset, GraphDataset) else ""


def _add(digest: Any, item: Any) -> None:  # noqa: ANN401  (whatever a batch holds)
    """Add ``item`` with its type and shape, so that no two different items look alike."""
    if isinstance(item, Tensor):
        _add_tensor(digest, item)
    elif isinstance(item, np.ndarray) and item.dtype != object:
        digest.update(f"<array {item.dtype} {item.shape}>".encode())
        digest.update(np.ascontiguousarray(item).tobytes())
    elif isinstance(item, Mapping):
        digest.update(f"<mapping {len(item)}>".encode())
        for key in sorted(item, key=str):
            _add(digest, key)
            _add(digest, item[key])
    elif isinstance(item, str | bytes | int | float | None):
        digest.update(f"<{type(item).__name__} {item!r}>".encode())
    elif hasattr(item, "to_dict"):  # PyG's Data, HeteroData and their batches
        _add(digest, item.to_dict())
    elif isinstance(item, Iterable):
        items = list(item)
        digest.update(f"<sequence {len(items)}>".encode())
        for each in items:
            _add(digest, each)
    else:
        digest.update(f"<{type(item).__qualname__}>".encode())


def _add_tensor(digest: Any, tensor: Tensor) -> None:  # noqa: ANN401  (hashlib has no type for it)
    digest.update(f"<tensor {tensor.dtype} {list(tensor.shape)} {tensor.layout}>".encode())
    if tensor.layout != torch.strided:
        sparse: Tensor = tensor.to_sparse().coalesce()
        _add_tensor(digest, sparse.indices())
        _add_tensor(digest, sparse.values())
        return
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
