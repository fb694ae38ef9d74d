"""Going through a data set in batches, in an order that can be repeated."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgescope.data.batching import joined
from edgescope.data.graphs import GraphDataset
from edgescope.data.neighbours import NeighborBatches
from edgescope.data.nodes import NodeDataset
from edgescope.errors import InputError


@dataclass
class MoleculeLoader:
    """Yields the graphs of a data set in batches; the order depends on seed and epoch alone.

    A run that stops in the middle of an epoch can therefore go on with the batches that it would
    have seen.

    Attributes:
        dataset: the graphs.
        batch_size: graphs in a batch; the last batch may hold fewer.
        shuffle: whether every epoch has its own random order.
        seed: start of the random orders.
        epoch: which of them comes next; :meth:`set_epoch` changes it.
    """

    dataset: GraphDataset
    batch_size: int = 128
    shuffle: bool = False
    seed: int = 0
    epoch: int = 0

    def __post_init__(self) -> None:
        """Check the size of the batches.

        Raises:
            InputError: if ``batch_size`` is below 1.
        """
        if self.batch_size < 1:
            raise InputError(f"received batch_size={self.batch_size}, expected 1 or more")

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass, as on torch's ``DistributedSampler``."""
        self.epoch = epoch

    def order(self) -> Tensor:
        """Give the positions in the data set in the order of this epoch, ``[N]`` int64."""
        if not self.shuffle:
            return torch.arange(len(self.dataset))
        random = np.random.default_rng([self.seed, self.epoch])
        return torch.from_numpy(random.permutation(len(self.dataset)))

    def __len__(self) -> int:
        """Count the batches of a pass."""
        return math.ceil(len(self.dataset) / self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        """Cut the batches of one pass."""
        order = self.order()
        for start in range(0, len(order), self.batch_size):
            yield joined(self.dataset, order[start : start + self.batch_size])


def loader(
    dataset: GraphDataset,
    batch_size: int = 128,
    shuffle: bool = False,
    seed: int = 0,
    epoch: int = 0,
) -> MoleculeLoader | NeighborBatches:
    """Go through ``dataset`` in batches.

    A large graph, such as ``ogbn-proteins``, comes in parts: ``batch_size`` of its nodes with a
    sample of their neighbours.

    Args:
        dataset: the graphs.
        batch_size: graphs in a batch; the last batch may hold fewer.
        shuffle: give every epoch its own random order.
        seed: start of the random orders, 0 or more.
        epoch: which of them to begin with.

    Returns:
        A :class:`MoleculeLoader`, or :class:`~edgescope.data.neighbours.NeighborBatches` for a
        large graph: its ``len`` is the number of batches, and every pass over it
        yields ``torch_geometric`` objects (see :meth:`GraphDataset.batch`).

    Raises:
        InputError: if ``batch_size`` is below 1.
    """
    if isinstance(dataset, NodeDataset) and dataset.fanouts:
        return NeighborBatches(dataset, batch_size, shuffle, seed, epoch, dataset.fanouts)
    return MoleculeLoader(dataset, batch_size, shuffle, seed, epoch)
