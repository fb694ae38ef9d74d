"""Type and graph of the edges of a batch, which the sites of a model share."""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.lib.errors import InputError


class EdgeLabels:
    """Type and graph of every edge of a batch, checked once for all sites.

    Args:
        size: number of edges ``E``.
        device: where the activations are.
        edge_types: number of edge types ``T``.
        edge_type: type of every edge ``[E]``, from 0 to ``T - 1``; without it all are type 0.
        graph: graph of every edge ``[E]``, non-negative; without it all are of one graph.

    Attributes:
        edge_type: type of every edge ``[E]``, int64.
        graph: graph of every edge ``[E]``, int64.

    Raises:
        InputError: if there are more or fewer labels than edges, or one is out of range.
    """

    def __init__(
        self,
        size: int,
        device: torch.device,
        edge_types: int,
        edge_type: Tensor | None = None,
        graph: Tensor | None = None,
    ) -> None:
        self.edge_type = _labels(edge_type, size, device)
        self.graph = _labels(graph, size, device)
        _check("edge types", self.edge_type, edge_types, "set the number of edge types")
        _check("graphs", self.graph, None, "number the graphs from 0")

    def __len__(self) -> int:
        """Return the number of edges."""
        return self.graph.size(0)

    @cached_property
    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
        """Types and graphs ``[E]``, places of these among the batch's graphs, and their number."""
        graph = self.graph.numpy()
        present, place = np.unique(graph, return_inverse=True)
        return self.edge_type.numpy(), graph, place.astype(np.int64), len(present)


def _labels(labels: Tensor | None, size: int, device: torch.device) -> Tensor:
    if labels is None:
        return torch.zeros(size, dtype=torch.int64, device=device)
    if labels.shape != (size,):
        raise InputError(
            f"received labels of shape {list(labels.shape)} for {size} edges, expected [{size}]; "
            "give one label per edge"
        )
    return labels.to(torch.int64).contiguous()


def _check(what: str, labels: Tensor, limit: int | None, remedy: str) -> None:
    """Refuse labels below 0, or at or above ``limit``."""
    if not labels.size(0):
        return
    low, high = (int(bound) for bound in labels.aminmax())
    if low < 0 or (limit is not None and high >= limit):
        upper = "upwards" if limit is None else f"to {limit - 1}"
        raise InputError(
            f"received {what} from {low} to {high}, expected 0 {upper}; {remedy} accordingly"
        )
