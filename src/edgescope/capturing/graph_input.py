"""The graph that a model was given, as its edges are identified by."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from edgescope.capturing.edge_rows import Relation
from edgescope.lib.errors import InputError


class NodeSet:
    """The nodes that one end of the edges of an input is numbered by; ``V`` nodes, ``G`` graphs.

    Args:
        graph: graph of every node ``[V]``; ``None`` if there is one graph only, or if ``first``
            says it.
        size: number of nodes ``V``, if known.
        first: number of the first node of every graph ``[G]``, where nodes come graph by graph.
    """

    def __init__(
        self, graph: Tensor | None = None, size: int | None = None, first: Tensor | None = None
    ) -> None:
        self.graph = graph
        self.size = size
        self.first = first

    @property
    def tells_graphs(self) -> bool:
        """Whether it is known which graph a node belongs to."""
        return self.graph is not None or self.first is not None

    def graph_of(self, nodes: Tensor) -> Tensor:
        """Return the graph of every one of ``nodes`` ``[E]``.

        Raises:
            InputError: if there are fewer nodes than that.
        """
        if self.first is not None:
            return torch.searchsorted(self.first, nodes.contiguous(), right=True) - 1
        if self.graph is None:
            return torch.zeros_like(nodes)
        if nodes.numel() and int(nodes.max()) >= len(self.graph):
            raise InputError(
                f"it works on node {int(nodes.max())}, the model was given {len(self.graph)}, so "
                "which graph that node belongs to is not known"
            )
        return self.graph[nodes]

    def offset(self, nodes: Tensor, graph: Tensor) -> Tensor:
        """Return what to subtract from every one of ``nodes`` to number it in its graph ``[E]``.

        That is the number of the graph's first node, unless its nodes do not stand together; then
        they are numbered in the order in which they come.
        """
        if self.first is not None:
            return self.first[graph]
        if self.graph is None:
            return torch.zeros_like(graph)
        size = max(int(graph.max()) + 1 if graph.numel() else 0, 1)
        first = starts(self.graph.bincount(minlength=size))
        if not bool((self.graph.diff() < 0).any()):
            return first[graph]
        rank = places_within(self.graph)
        # A node that the model appended is of no graph's own numbers.
        inside = nodes < len(rank)
        return (nodes - rank[nodes.clamp(max=len(rank) - 1)]).where(inside, first[graph])

    def same_as(self, other: "NodeSet") -> bool:
        """Return whether two descriptions of nodes say the same."""
        return (
            self.size == other.size
            and same_tensors(self.graph, other.graph)
            and same_tensors(self.first, other.first)
        )


class InputEdges:
    """The edges of one input: those of a graph, or of one relation of a heterogeneous graph.

    Args:
        edge_index: source and target of every edge ``[2, M]``.
        edge_type: type of every edge ``[M]``, if known.
        nodes: the nodes that each row of ``edge_index`` is numbered by.
        square: whether these are the same nodes.
        name: what the input is called among several.
        relation: the relation, in a heterogeneous graph.
        relations: all relations of that graph, in the order given.
        unclear: why rows of this input cannot be identified, if so.
    """

    def __init__(
        self,
        edge_index: Tensor,
        edge_type: Tensor | None = None,
        nodes: tuple[NodeSet, NodeSet] | None = None,
        *,
        square: bool = True,
        name: str = "",
        relation: Relation | None = None,
        relations: Sequence[Relation] = (),
        unclear: str | None = None,
    ) -> None:
        self.edge_index = edge_index
        self.edge_type = edge_type
        self.nodes = nodes or (NodeSet(), NodeSet())
        self.square = square
        self.name = name
        self.relation = relation
        self.relations = tuple(relations)
        self.unclear = unclear
        self.node_type: Tensor | None = None  # of every node [V], where both ends are one set
        self.memory = memory_of(edge_index)
        self.version = version(edge_index)

    @cached_property
    def snapshot(self) -> Tensor:
        """The numbers in ``edge_index`` when this was first asked for, at the start of a pass."""
        return self.edge_index.clone()

    @cached_property
    def graph(self) -> Tensor:
        """Graph of every edge ``[M]``.

        Raises:
            InputError: if its two ends belong to different graphs.
        """
        ends = [
            nodes.graph_of(end)
            for nodes, end in zip(self.nodes, self.snapshot, strict=True)
            if nodes.tells_graphs
        ]
        if not ends:
            return torch.zeros_like(self.snapshot[0])
        if len(ends) > 1 and not torch.equal(*ends):
            edge = int((ends[0] != ends[1]).nonzero()[0])
            source, target = self.snapshot[:, edge].tolist()
            raise InputError(
                f"edge {edge} of {self.name or 'edge_index'}, from {source} to {target}, would "
                f"join nodes of the graphs {int(ends[0][edge])} and {int(ends[1][edge])}, so whose "
                "nodes they are is not known; pass a PyG Batch, or name the batch vectors after "
                "the nodes, as in x_s_batch and x_t_batch"
            )
        return ends[-1]

    @cached_property
    def input_edge(self) -> Tensor:
        """Position of every edge within its own graph ``[M]``."""
        if not any(nodes.tells_graphs for nodes in self.nodes):
            return torch.arange(self.snapshot.size(1), device=self.snapshot.device)
        return places_within(self.graph)

    def locate(
        self, seen: Tensor, position: Tensor, target_row: int = 1
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return edge within its graph ``[E]``, graph ``[E]`` and node offset ``[2, E]`` of rows.

        ``position`` ``[E]`` says which edge of the input each of the rows ``seen`` ``[2, E]`` is,
        -1 for added ones; row ``target_row`` of these holds the end that attends.
        """
        real = position >= 0
        graph = self.look_up(self.graph, position)
        if not bool(real.all()):
            graph[~real] = self.graph_of_added(seen[:, ~real], target_row)
        return self.look_up(self.input_edge, position), graph, self.node_offset(seen, graph)

    def look_up(self, values: Tensor, position: Tensor) -> Tensor:
        """Return what edges ``[M]`` have, for rows at ``position`` ``[E]``; -1 for added ones."""
        found = values[position.clamp(min=0)] if len(values) else position
        return found.where(position >= 0, -1)

    def graph_of_added(self, seen: Tensor, target_row: int) -> Tensor:
        """Return the graph of rows ``[2, E]`` that are no edge of the input ``[E]``.

        That is the graph of the target; of the source, if the target is a node that the model
        appended or targets do not tell their graphs.
        """
        ends = (target_row, 1 - target_row)
        if not self.nodes[target_row].tells_graphs:
            ends = ends[::-1]
        first, other = (self.nodes[end] for end in ends)
        size = first.size
        if size is None or first is not other or not bool((seen[ends[0]] >= size).any()):
            return first.graph_of(seen[ends[0]])
        inside = seen[ends[0]] < size
        return first.graph_of(seen[ends[0]].where(inside, seen[ends[1]]))

    def node_offset(self, edge_index: Tensor, graph: Tensor) -> Tensor:
        """Return what to subtract from the ends of edges to number them by graph ``[2, E]``.

        Raises:
            InputError: if there are several graphs, and the nodes of one end do not tell theirs.
        """
        told = [nodes.tells_graphs for nodes in self.nodes]
        if told[0] != told[1] and graph.numel() and bool(graph.any()):
            raise InputError(
                "it is known which graphs the nodes at one end of the edges belong to, and not "
                "those at the other end; pass a PyG Batch, or the batch vectors of both, as in "
                "x_s_batch and x_t_batch"
            )
        ends = zip(self.nodes, edge_index, strict=True)
        return torch.stack([nodes.offset(end, graph) for nodes, end in ends])


class GraphInput:
    """The graphs of one call of a model.

    Attributes:
        inputs: the edges, one entry per graph that the model was given, or per relation of a
            heterogeneous one; none if it was not given edges.
        batch: graph of every node ``[V]``, if given and the model was given no edges.
        model: name of the model's class.
    """

    def __init__(self, inputs: Sequence[InputEdges], batch: Tensor | None, model: str) -> None:
        self.inputs = tuple(inputs)
        self.batch = batch
        self.model = model

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations of heterogeneous graphs, in the order given; otherwise none."""
        named = (edges.relation for edges in self.inputs if edges.relation is not None)
        return tuple(dict.fromkeys(named))


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


def places_within(graph: Tensor) -> Tensor:
    """Return the position of every member within its graph ``[N]``, in the order given.

    Args:
        graph: graph of every edge or node ``[N]``.
    """
    order = graph.argsort(stable=True)
    place = torch.empty_like(graph)
    place[order] = (
        torch.arange(len(graph), device=graph.device) - starts(graph.bincount())[graph[order]]
    )
    return place


def memory_of(tensor: Tensor) -> int:
    """Return what tells the memory of a tensor from that of others."""
    memory: int = tensor.untyped_storage()._cdata  # noqa: SLF001  (nothing public says)
    return memory


def version(tensor: Tensor) -> int | None:
    """Return how often a tensor was written to; ``None`` where torch does not count that."""
    return None if tensor.is_inference() else tensor._version  # noqa: SLF001  (nothing public says)


def same_tensors(one: Tensor | None, other: Tensor | None) -> bool:
    """Return whether two tensors are equal, or both missing."""
    if one is None or other is None:
        return one is other
    return one is other or torch.equal(one, other)
