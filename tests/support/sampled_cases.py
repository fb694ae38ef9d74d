"""PyG's own loaders over one large graph, also where none of its sampling libraries is installed.

PyG samples in ``pyg-lib`` or ``torch-sparse``, of which the package index has no wheels. What they
do is written out here in Python; everything around it, down to what a batch holds, is PyG's.
"""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import ClusterData
from torch_geometric.sampler import HeteroSamplerOutput, NeighborSampler, SamplerOutput


class PythonSampler(NeighborSampler):
    """PyG's sampler of neighbours, with the inner loop in Python."""

    def _sample(self, seed: Any, *_: Any, **__: Any) -> Any:
        if isinstance(seed, dict):
            return self._sample_types(seed)
        values = self.num_neighbors.get_mapped_values()
        found = _sample({"": seed}, {("", "", ""): (self.colptr, self.row)}, values, self)
        nodes, trees, edges, num_nodes, num_edges = found
        row, col, edge = edges["", "", ""]
        return SamplerOutput(
            nodes[""],
            row,
            col,
            edge,
            trees[""] if self.disjoint else None,
            num_nodes[""],
            num_edges["", "", ""],
        )

    def _sample_types(self, seed: dict[str, Tensor]) -> HeteroSamplerOutput:
        adjacency = {
            kind: (self.colptr_dict["__".join(kind)], self.row_dict["__".join(kind)])
            for kind in self.edge_types
        }
        values = next(iter(self.num_neighbors.get_mapped_values(self.edge_types).values()))
        found = _sample(seed, adjacency, values, self)
        nodes, trees, edges, num_nodes, num_edges = found
        row, col, edge = ({k: v[n] for k, v in edges.items()} for n in range(3))
        batch = trees if self.disjoint else None
        return HeteroSamplerOutput(nodes, row, col, edge, batch, num_nodes, num_edges)


def _sample(seed, adjacency, values, sampler):
    """Sample hop by hop: a node that was reached in one hop gathers its sources in the next."""
    ends = {end for kind in adjacency for end in kind[::2]}
    nodes: dict[str, list[tuple[int, int]]] = {end: [] for end in ends}  # tree and number
    for end, numbers in seed.items():
        nodes[end] = [(i if sampler.disjoint else 0, v) for i, v in enumerate(numbers.tolist())]
    place = {end: {node: i for i, node in enumerate(held)} for end, held in nodes.items()}
    edges = {kind: ([], [], []) for kind in adjacency}
    start = dict.fromkeys(ends, 0)
    num_nodes = {end: [len(held)] for end, held in nodes.items()}
    num_edges = {kind: [] for kind in adjacency}
    for number in values:
        stop = {end: len(held) for end, held in nodes.items()}
        for kind, (colptr, row) in adjacency.items():
            source, _, target = kind
            before = len(edges[kind][0])
            for local in range(start[target], stop[target]):
                tree, node = nodes[target][local]
                first, last = colptr[node : node + 2].tolist()
                for e in _choose(first, last, number, sampler.replace):
                    other = (tree, int(row[e]))
                    if other not in place[source]:
                        place[source][other] = len(nodes[source])
                        nodes[source].append(other)
                    for column, value in zip(
                        edges[kind], (place[source][other], local, e), strict=True
                    ):
                        column.append(value)
            num_edges[kind].append(len(edges[kind][0]) - before)
        start = stop
        for end in ends:
            num_nodes[end].append(len(nodes[end]) - stop[end])
    return (
        {end: torch.tensor([v for _, v in held], dtype=torch.int64) for end, held in nodes.items()},
        {end: torch.tensor([t for t, _ in held], dtype=torch.int64) for end, held in nodes.items()},
        {k: [torch.tensor(c, dtype=torch.int64) for c in held] for k, held in edges.items()},
        num_nodes,
        num_edges,
    )


def _choose(first: int, last: int, number: int, replace: bool) -> list[int]:
    if number < 0 or (last - first <= number and not replace):
        return list(range(first, last))
    if replace:
        return torch.randint(first, last, (number,)).tolist() if last > first else []
    return (first + torch.randperm(last - first)[:number]).tolist()


class RandomClusters(ClusterData):
    """PyG's clusters, dealt at random where METIS would partition."""

    def _metis(self, _: Tensor, num_nodes: int) -> Tensor:
        clusters = torch.arange(num_nodes) % self.num_parts
        return clusters[torch.randperm(num_nodes, generator=torch.Generator().manual_seed(0))]


def numbered(data: Data) -> Data:
    """Number the edges and nodes of the whole, as loaders without numbers of their own need it."""
    data = data.clone()
    data.e_id, data.n_id = torch.arange(data.num_edges), torch.arange(data.num_nodes)
    return data


def large_graph(nodes: int = 40, edges: int = 160, seed: int = 0, types: int = 3) -> Data:
    """Return a graph with loops, several edges between the same nodes, and isolated nodes.

    Node states are whole numbers, so that sums of them are exact in any order.
    """
    random = torch.Generator().manual_seed(seed)
    return Data(
        x=torch.randint(-4, 5, (nodes, 6), generator=random).float(),
        edge_index=torch.randint(0, max(nodes - 3, 1), (2, edges), generator=random),
        edge_attr=torch.randint(0, types, (edges,), generator=random),
    )


def whole_numbers(model: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Set all parameters to whole numbers, so that sums are exact in any order."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randint(-3, 4, parameter.shape, generator=random).float())
    return model.eval()
