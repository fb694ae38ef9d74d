"""Batches of a data set: graphs, or nodes of a large graph with a sample of their neighbours.

PyG's ``NeighborLoader`` samples in pyg-lib or torch-sparse, which the package index does not carry,
so the sampling is written here with numpy. A random partition of the nodes, which needs no library
either, would keep an edge only if both ends fall into the same part: of 597 edges at a node of
ogbn-proteins, 60 with ten parts. Sampled neighbours are what the published runs trained with, and a
batch is small whatever the graph.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.graphs import GraphDataset
from edgescope.data.node_dataset import NodeDataset
from edgescope.lib.errors import InputError

if TYPE_CHECKING:
    from torch_geometric.data import Data


@dataclass
class NeighborBatches:
    """Yields the nodes of a part in batches, each with a sample of its neighbourhood.

    For every seed node up to ``fanouts[0]`` edges into it are drawn without replacement, for every
    source that this reaches for the first time up to ``fanouts[1]``, and so on (Hamilton et al.,
    "GraphSAGE", 2017). A batch is a ``Data`` with ``x``, ``edge_index``, ``edge_attr``, ``y``
    ``[V, T]`` (NaN except at the seeds), ``n_id`` ``[V]`` and ``e_id`` ``[E]``, the numbers of its
    nodes and edges in the whole graph, by which a scan numbers them, ``batch`` ``[V]`` (all zero)
    and ``num_seeds``; the seeds come first.

    The batches depend on seed and epoch alone, so each pass over the loader gives the same ones
    until :meth:`set_epoch`.

    Attributes:
        dataset: the part; its nodes are the seeds.
        batch_size: seeds in a batch; the last batch may hold fewer.
        shuffle: whether every epoch has its own random order of the seeds.
        seed: start of the random orders and samples.
        epoch: which of them comes next.
        fanouts: edges per node and hop; -1 takes all.

    Example:
        >>> import edgescope as es
        >>> splits = es.data.load("ogbn-proteins", "FOLDER")  # doctest: +SKIP
        >>> loader = es.data.loader(splits.train, batch_size=4)  # doctest: +SKIP
        >>> batch = next(iter(loader))  # doctest: +SKIP
        >>> type(loader).__name__, int(batch.num_seeds)  # doctest: +SKIP
    """

    dataset: NodeDataset
    batch_size: int = 512
    shuffle: bool = False
    seed: int = 0
    epoch: int = 0
    fanouts: tuple[int, ...] = (5, 10, 15)

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            InputError: if ``batch_size`` is below 1, or a fanout is neither -1 nor 1 or more.
        """
        if self.batch_size < 1:
            raise InputError(f"received batch_size={self.batch_size}, expected 1 or more")
        if not self.fanouts or any(size != -1 and size < 1 for size in self.fanouts):
            raise InputError(
                f"received fanouts={self.fanouts}, expected one number of edges per hop, each 1 or "
                "more, or -1 for all"
            )

    def set_epoch(self, epoch: int) -> None:
        """Choose the order and the samples of the next pass."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Count the batches of a pass."""
        return math.ceil(int(self.dataset.mask.sum()) / self.batch_size)

    def __iter__(self) -> "Iterator[Data]":
        """Draw the batches of one pass."""
        nodes = self.dataset.mask.nonzero().flatten().numpy()
        random = np.random.default_rng([self.seed, self.epoch])
        if self.shuffle:
            nodes = random.permutation(nodes)
        for start in range(0, len(nodes), self.batch_size):
            yield self._around(nodes[start : start + self.batch_size], random)

    def _around(self, seeds: NDArray[np.int64], random: np.random.Generator) -> "Data":
        """Return the batch of some nodes ``[S]``."""
        from torch_geometric.data import Data

        whole, incoming = self.dataset, self.dataset.incoming
        source = whole.edge_index[0].numpy()
        known = np.full(whole.num_nodes, -1, dtype=np.int64)  # number in the batch
        known[seeds] = np.arange(len(seeds))
        nodes, edges, frontier = [seeds], [], seeds
        for most in self.fanouts:
            drawn = incoming.sample(frontier, most, random)
            edges.append(drawn)
            reached = np.unique(source[drawn])
            frontier = reached[known[reached] < 0]
            known[frontier] = np.arange(len(frontier)) + sum(map(len, nodes))
            nodes.append(frontier)
        n_id = torch.from_numpy(np.concatenate(nodes))
        e_id = torch.from_numpy(np.concatenate(edges))
        y = whole.y[n_id]
        y[len(seeds) :] = torch.nan if y.is_floating_point() else -1
        return Data(
            x=whole.x[n_id],
            edge_index=torch.from_numpy(known)[whole.edge_index[:, e_id]],
            edge_attr=whole.edge_attr[e_id],
            y=y,
            n_id=n_id,
            e_id=e_id,
            batch=torch.zeros(len(n_id), dtype=torch.long),
            num_seeds=len(seeds),
        )


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
                yield self.dataset.batch(share)
            else:
                batch = self.dataset.batch(whole[:1])
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
        A :class:`MoleculeLoader`, or :class:`~edgescope.data.batch_loaders.NeighborBatches` for a
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
