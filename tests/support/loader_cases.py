"""Loaders as people build them, over graphs that can be told apart."""

import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
)
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.loader import DataLoader, DynamicBatchSampler
from torch_geometric.nn import GATv2Conv

GRAPHS = 13


def told_apart(number=GRAPHS, seed=0):
    """Graphs of different sizes with random features."""
    draw = torch.Generator().manual_seed(seed)
    graphs = []
    for position in range(number):
        nodes, edges = 3 + position % 4, 5 + position % 5
        graphs.append(
            Data(
                x=torch.randn(nodes, 6, generator=draw),
                edge_index=torch.randint(0, nodes, (2, edges), generator=draw),
                y=torch.randn(1, 1, generator=draw),
            )
        )
    return graphs


class InMemory(InMemoryDataset):
    """The same graphs, kept in one table."""

    def __init__(self):
        super().__init__()
        self.data, self.slices = self.collate(told_apart())


class LongestFirst(Sampler):
    """Batches of two graphs of like size, in an order that numpy and Python draw together."""

    def __init__(self, dataset):
        self.sizes = [graph.num_nodes for graph in dataset]

    def __iter__(self):
        order = sorted(range(len(self.sizes)), key=self.sizes.__getitem__)
        pairs = [order[start : start + 2] for start in range(0, len(order), 2)]
        np.random.shuffle(pairs)  # noqa: NPY002  (as people do)
        random.shuffle(pairs)
        yield from pairs

    def __len__(self):
        return (len(self.sizes) + 1) // 2


class Own(Sampler):
    """An order that a generator of the sampler's own draws, another one in every pass."""

    def __init__(self, dataset):
        self.size = len(dataset)
        self.generator = np.random.default_rng(3)

    def __iter__(self):
        return iter(self.generator.permutation(self.size).tolist())

    def __len__(self):
        return self.size


class OwnLoader(DataLoader):
    """A loader of one's own that does something to every batch."""

    def __iter__(self):
        for batch in super().__iter__():
            batch.seen = True
            yield batch


def distributed(rank):
    data = told_apart(12)
    sampler = DistributedSampler(data, num_replicas=3, rank=rank, shuffle=True, seed=5)
    return DataLoader(data, batch_size=2, sampler=sampler)


def shuffled(dataset, **options):
    return DataLoader(dataset, **({"batch_size": 4, "shuffle": True} | options))


LOADERS = {
    "shuffle": lambda: shuffled(told_apart()),
    "one by one": lambda: shuffled(told_apart(), batch_size=1),
    "all at once": lambda: shuffled(told_apart(), batch_size=GRAPHS),
    "a generator": lambda: shuffled(told_apart(), generator=torch.Generator().manual_seed(1)),
    "the last left out": lambda: shuffled(told_apart(), drop_last=True),
    "in one table": lambda: shuffled(InMemory()),
    "cut out of it": lambda: shuffled(InMemory()[torch.tensor([5, 2, 9, 1, 7])]),
    "a subset": lambda: shuffled(torch.utils.data.Subset(told_apart(), [8, 3, 5, 0, 11, 2])),
    "of a subset": lambda: DataLoader(
        told_apart(), batch_size=2, sampler=SubsetRandomSampler([7, 2, 4, 9])
    ),
    "a few": lambda: DataLoader(
        (data := told_apart()), batch_size=2, sampler=RandomSampler(data, num_samples=5)
    ),
    "a list of positions": lambda: DataLoader(told_apart(), batch_size=2, sampler=[6, 1, 12, 0]),
    "a list of batches": lambda: DataLoader(told_apart(), batch_sampler=[[3, 1], [7], [0, 2, 5]]),
    "backwards": lambda: DataLoader(told_apart(), batch_size=3, sampler=list(range(12, -1, -1))),
    "batches of like size": lambda: DataLoader(
        (data := told_apart()), batch_sampler=LongestFirst(data)
    ),
    "a sampler with a generator": lambda: DataLoader(
        (data := told_apart()), batch_size=5, sampler=Own(data)
    ),
    "batches by nodes": lambda: DataLoader(
        (data := told_apart()),
        batch_sampler=DynamicBatchSampler(data, max_num=15, mode="node", shuffle=True),
    ),
    "a batch sampler of its own kind": lambda: DataLoader(
        (data := told_apart()), batch_sampler=BatchSampler(RandomSampler(data), 3, drop_last=True)
    ),
    "rank 1 of 3": lambda: distributed(1),
    "rank 2 of 3": lambda: distributed(2),
    "a class of its own": lambda: OwnLoader(told_apart(), batch_size=4, shuffle=True),
    "workers": lambda: shuffled(told_apart(), num_workers=1),
    "without batches": lambda: torch.utils.data.DataLoader(
        (data := told_apart()), batch_size=None, sampler=RandomSampler(data), collate_fn=_same
    ),
    "in order": lambda: DataLoader(told_apart(), batch_size=4),
    "in order by a sampler": lambda: DataLoader(
        (data := told_apart()), batch_size=4, sampler=SequentialSampler(data)
    ),
}
"""By name, what makes a loader in which every graph comes once at most."""


def _same(graph):
    return graph


class OneLayer(nn.Module):
    """One attention layer and a number for each graph."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.conv = GATv2Conv(6, 4, add_self_loops=False)
        self.out = nn.Linear(4, 1)

    def forward(self, x, edge_index, batch):
        nodes = self.out(self.conv(x, edge_index))
        return nodes.new_zeros(int(batch.max()) + 1, 1).index_add_(0, batch, nodes)
