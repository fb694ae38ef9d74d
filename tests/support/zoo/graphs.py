"""The graphs that models of the zoo are called on."""

from typing import Any

import torch
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import NeighborLoader

from support.sampled_cases import PythonSampler, large_graph

WIDTH = 6
"""Channels of nodes."""
EDGES = 3
"""Channels of edges."""


def molecule(seed: int, *, loops: bool = False, parallel: bool = False) -> Data:
    """Return a ring with a chord and a tail, edges in both directions one after the other."""
    draw = torch.Generator().manual_seed(seed)
    size = 5 + seed % 3
    pairs = [(k, (k + 1) % size) for k in range(size)] + [(0, 2), (1, size)]
    both = [end for i, j in pairs for end in ((i, j), (j, i))]
    if loops:
        both += [(1, 1), (3, 3)]
    if parallel:
        both += [(0, 1), (0, 1), (2, 1)]
    edges = torch.tensor(both).t().contiguous()
    return Data(
        x=torch.randn(size + 1, WIDTH, generator=draw),
        edge_index=edges,
        edge_attr=torch.randn(edges.size(1), EDGES, generator=draw),
        y=torch.randn(1, 1, generator=draw),
    )


def molecules() -> list[Any]:
    """Return batches of molecules."""
    graphs = [molecule(seed) for seed in range(12)]
    return [Batch.from_data_list(graphs[:5]), Batch.from_data_list(graphs[5:])]


def with_kinds() -> list[Any]:
    """Return molecules whose edges have a type, one of four, and no other features."""
    batches = molecules()
    for batch in batches:
        batch.edge_type = torch.arange(batch.num_edges) // 2 % 4
        del batch.edge_attr
    return batches


def without_edge_features() -> list[Any]:
    batches = molecules()
    for batch in batches:
        del batch.edge_attr
    return batches


def multigraphs() -> list[Any]:
    """Return molecules with parallel edges."""
    graphs = [molecule(seed, parallel=True) for seed in range(10)]
    return [Batch.from_data_list(graphs[:5]), Batch.from_data_list(graphs[5:])]


def with_loops() -> list[Any]:
    """Return molecules of which some nodes have self-loops."""
    return [Batch.from_data_list([molecule(seed, loops=True) for seed in range(9)])]


def one_graph() -> list[Any]:
    """Return one graph for predictions of nodes."""
    data = molecule(4)
    data.y = torch.randn(data.num_nodes, 1, generator=torch.Generator().manual_seed(0))
    return [data]


def sampled() -> list[Any]:
    """Return parts of one graph: some nodes and all their neighbours, as a loader samples them."""
    whole = Data(
        x=torch.randn(30, WIDTH, generator=torch.Generator().manual_seed(3)),
        edge_index=large_graph(nodes=30, edges=90).edge_index,
    )
    sampler = PythonSampler(whole, [-1, -1])
    return list(NeighborLoader(whole, [-1, -1], neighbor_sampler=sampler, batch_size=10))


class Bipartite(Data):
    """Two sets of nodes, as PyG's page on advanced batching has them."""

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        if key == "edge_index":
            return torch.tensor([[self.x_s.size(0)], [self.x_t.size(0)]])
        return super().__inc__(key, value, *args, **kwargs)


def two_sets() -> list[Any]:
    """Return a batch of users and items, with edges between them."""
    draw = torch.Generator().manual_seed(1)
    graphs = []
    for k in range(8):
        users, items = 3 + k % 3, 4 + k % 2
        pairs = torch.ones(users, items).nonzero()
        graphs.append(
            Bipartite(
                x_s=torch.randn(users, WIDTH, generator=draw),
                x_t=torch.randn(items, WIDTH, generator=draw),
                edge_index=pairs[torch.randperm(len(pairs), generator=draw)[:9]].t().contiguous(),
                num_nodes=users,
                y=torch.randn(1, 1, generator=draw),
            )
        )
    return [Batch.from_data_list(graphs, follow_batch=["x_s", "x_t"])]


class Pair(Data):
    """Two molecules, as PyG's page on advanced batching has them."""

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        for end in "st":
            if key == f"edge_index_{end}":
                return self[f"x_{end}"].size(0)
        return super().__inc__(key, value, *args, **kwargs)


def pairs() -> list[Any]:
    """Return a batch of pairs of molecules."""
    graphs = []
    for k in range(4):
        one, other = molecule(k), molecule(k + 7)
        graphs.append(
            Pair(
                x_s=one.x,
                edge_index_s=one.edge_index,
                x_t=other.x,
                edge_index_t=other.edge_index,
                num_nodes=one.num_nodes,
                y=one.y,
            )
        )
    return [Batch.from_data_list(graphs, follow_batch=["x_s", "x_t"])]


def times() -> list[Any]:
    """Return a temporal graph, whose edges have the second at which they came."""
    data = one_graph()[0]
    data.edge_attr = 1_700_000_000 + 86_400 * torch.arange(data.num_edges)
    return [data]


def scholarly() -> list[Any]:
    """Return a graph of authors and papers."""
    draw = torch.Generator().manual_seed(2)
    data = HeteroData()
    data["author"].x = torch.randn(5, WIDTH, generator=draw)
    data["paper"].x = torch.randn(7, WIDTH, generator=draw)
    data["author", "writes", "paper"].edge_index = torch.tensor(
        [[0, 0, 1, 2, 3, 4, 4, 1], [0, 1, 1, 2, 3, 5, 6, 6]]
    )
    data["paper", "by", "author"].edge_index = torch.tensor(
        [[0, 1, 1, 2, 3, 5, 6, 6], [0, 0, 1, 2, 3, 4, 4, 1]]
    )
    data["paper", "cites", "paper"].edge_index = torch.tensor([[1, 2, 3, 4, 6], [0, 0, 2, 1, 5]])
    return [data]
