"""The graph that a model was given, as its edges are identified by."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from edgescope.capture.rows import Relation
from edgescope.errors import InputError


class InputEdges:
    """The edges of the input: all of them, or one relation of a heterogeneous graph.

    Args:
        edge_index: source and target of every edge ``[2, M]``.
        edge_type: type of every edge ``[M]``, if known.
        batches: graph of every source node and of every target node; ``None`` if there is one
            graph only.
        num_nodes: number of source and of target nodes, where known.
        square: whether sources and targets are the same nodes.
    """

    def __init__(
        self,
        edge_index: Tensor,
        edge_type: Tensor | None = None,
        batches: tuple[Tensor | None, Tensor | None] = (None, None),
        num_nodes: tuple[int | None, int | None] = (None, None),
        square: bool = True,
    ) -> None:
        self.edge_index = edge_index
        self.edge_type = edge_type
        self.batches = batches
        self.num_nodes = num_nodes
        self.square = square

    @cached_property
    def input_edge(self) -> Tensor:
        """Position of every edge within its own graph ``[M]``."""
        size = self.edge_index.size(1)
        position = torch.arange(size, device=self.edge_index.device)
        graph = self.graph_of(self.edge_index)
        if self.batches[1] is None:
            return position
        # Number the edges within each graph, in the order in which they were given.
        order = graph.argsort(stable=True)
        first_edge = starts(graph.bincount())
        input_edge = torch.empty_like(position)
        input_edge[order] = position - first_edge[graph[order]]
        return input_edge

    def graph_of(self, edge_index: Tensor) -> Tensor:
        """Return the graph of every edge ``[E]`` of ``edge_index`` ``[2, E]``: its target's."""
        batch = self.batches[1]
        return torch.zeros_like(edge_index[1]) if batch is None else batch[edge_index[1]]

    def node_offset(self, graph: Tensor) -> Tensor:
        """Return the number of the first source and target node of every ``graph`` ``[2, E]``."""
        first = []
        for batch in self.batches:
            if batch is None:
                first.append(torch.zeros_like(graph))
            else:
                size = max(int(graph.max()) + 1 if graph.numel() else 0, 1)
                first.append(starts(batch.bincount(minlength=size))[graph])
        return torch.stack(first)


class GraphInput:
    """The graph of one call of a model.

    Attributes:
        edges: the edges by relation; one entry under ``None`` if the graph is not
            heterogeneous; none if the model was not given edges.
        batch: graph of every node ``[V]``, if given and the graph is not heterogeneous.
        model: name of the model's class.
    """

    def __init__(
        self,
        edges: Mapping[Relation | None, InputEdges],
        batch: Tensor | None,
        model: str,
    ) -> None:
        self.edges = dict(edges)
        self.batch = batch
        self.model = model

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations of a heterogeneous graph, in the order given; otherwise none."""
        return tuple(relation for relation in self.edges if relation is not None)


def edge_types(edge_attr: Tensor | None, size: int, *, flags: bool = False) -> Tensor | None:
    """Take edge features as types if they are integers.

    Of several per edge the first is the type, as in the molecules of the Open Graph Benchmark.
    Truth values are types 0 and 1 if ``flags`` says so.
    """
    if edge_attr is None or edge_attr.is_floating_point() or edge_attr.is_complex():
        return None
    if edge_attr.dtype == torch.bool and not flags:
        return None
    if edge_attr.numel() == size:
        return edge_attr.view(-1).long()
    if edge_attr.dim() != 2 or edge_attr.size(0) != size or not edge_attr.size(1):  # noqa: PLR2004
        return None
    return edge_attr[:, 0].long()


def plain_edges(edge_index: Any, owner: str) -> Tensor:  # noqa: ANN401  (arguments of a stranger's model)
    """Return ``edge_index`` as a plain tensor ``[2, E]``.

    Raises:
        InputError: if it is a sparse adjacency matrix.
    """
    if not isinstance(edge_index, Tensor) or edge_index.layout != torch.strided:
        raise InputError(
            f"{owner} was given a sparse adjacency matrix ({type(edge_index).__name__}), whose "
            "edges have no position to be known by; pass edge_index as a tensor [2, E]"
        )
    # A plain tensor stays the same object, by which its relation may be known. PyG's EdgeIndex
    # wraps one, which as_subclass does not take out.
    if type(edge_index) is Tensor:
        return edge_index
    inner: Tensor = edge_index.as_tensor() if hasattr(edge_index, "as_tensor") else edge_index
    return inner.as_subclass(Tensor)


def starts(sizes: Tensor) -> Tensor:
    """Return where each run of ``sizes`` starts ``[G]``."""
    return sizes.cumsum(0) - sizes
