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
from edgescope.lib.errors import InputError


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
        rank: which of the processes that train together this one is.
        processes: how many they are. Each yields its share of every batch, every
            ``processes``-th graph from the ``rank``-th on, and all the same number of batches: a
            share without graphs is the first graph of the batch with all targets missing, which
            counts in no loss and no metric.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> loader = es.data.loader(molecules, batch_size=8, shuffle=True, seed=1)
        >>> [batch.num_graphs for batch in loader]
        [8, 8, 4]
    """

    dataset: GraphDataset
    batch_size: int = 128
    shuffle: bool = False
    seed: int = 0
    epoch: int = 0
    rank: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        """Check the size of the batches and the share.

        Raises:
            InputError: if ``batch_size`` is below 1, or ``rank`` is none of the processes'.
        """
        if self.batch_size < 1:
            raise InputError(f"received batch_size={self.batch_size}, expected 1 or more")
        if not 0 <= self.rank < self.processes:
            raise InputError(
                f"received rank={self.rank} of {self.processes} processes, expected 0 or more and "
                "fewer than there are processes"
            )

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
            whole = order[start : start + self.batch_size]
            share = whole[self.rank :: self.processes]
            if len(share):
                yield joined(self.dataset, share)
            else:
                batch = joined(self.dataset, whole[:1])
                batch.y = torch.full_like(batch.y, torch.nan)
                yield batch


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

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test
        >>> batch = next(iter(es.data.loader(molecules, batch_size=32)))
        >>> batch.num_graphs
        32
    """
    if isinstance(dataset, NodeDataset) and dataset.fanouts:
        return NeighborBatches(dataset, batch_size, shuffle, seed, epoch, dataset.fanouts)
    return MoleculeLoader(dataset, batch_size, shuffle, seed, epoch)
