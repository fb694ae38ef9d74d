"""The graph that a model was given: found among the arguments of its call."""

import inspect
from collections.abc import Mapping
from functools import cached_property
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.calling import attribute
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


def read_graph_input(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
) -> GraphInput:
    """Find the graph among the arguments of a call of ``model``.

    It is looked for by name among the parameters of ``forward`` and then among the attributes of
    each argument (a PyG ``Data``, ``HeteroData`` or ``Batch``): ``edge_index``, ``edge_attr``,
    ``edge_type``, ``batch`` and ``x``, or the same with ``_dict`` for heterogeneous graphs.

    Args:
        model: the model that is called.
        args: positional arguments of the call.
        kwargs: keyword arguments of the call.
        names: what the model calls them, such as ``{"edge_index": "edges"}``, where it differs.

    Raises:
        InputError: if the edges come as a sparse adjacency matrix, whose edges have no position;
            in a heterogeneous graph, if its edges are not given by relation or ``batch`` is not
            given for the node types of each; if ``names`` names something else.
    """
    unknown = sorted(set(names or {}) - set(_FIELDS))
    if unknown:
        raise InputError(
            f"received inputs= for {', '.join(unknown)}, expected some of {', '.join(_FIELDS)}; "
            "edgescope's name comes first, as in inputs={'edge_index': 'edges'}"
        )
    bound = inspect.signature(model.forward).bind(*args, **kwargs).arguments
    called = {name: name for name in _FIELDS} | dict(names or {})
    owner = type(model).__name__
    several = [value for value in bound.values() if isinstance(value, tuple | list)]
    for source in [bound, *bound.values(), *chain.from_iterable(several)]:
        fields = {name: _field(source, theirs) for name, theirs in called.items()}
        if fields["edge_index"] is not None:
            if isinstance(fields["edge_index"], Mapping):
                return _heterogeneous(fields, owner)
            return _homogeneous(fields, owner)
    batch = _field(bound, called["batch"])
    return GraphInput({}, batch if isinstance(batch, Tensor) else None, owner)


_FIELDS = ("edge_index", "edge_attr", "edge_type", "batch", "x")


def edge_types(edge_attr: Tensor | None, size: int) -> Tensor | None:
    """Take edge features as types if there is exactly one integer per edge."""
    if edge_attr is None or edge_attr.numel() != size:
        return None
    if edge_attr.is_floating_point() or edge_attr.dtype == torch.bool:
        return None
    return edge_attr.view(-1).long()


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


def _homogeneous(fields: Mapping[str, Any], owner: str) -> GraphInput:
    edge_index = plain_edges(fields["edge_index"], owner)
    tensors = {k: v if isinstance(v, Tensor) else None for k, v in fields.items()}
    size = edge_index.size(1)
    kind = edge_types(tensors["edge_type"], size)
    kind = edge_types(tensors["edge_attr"], size) if kind is None else kind
    batch = tensors["batch"]
    nodes = next((t.size(0) for t in (tensors["x"], batch) if t is not None), None)
    edges = InputEdges(edge_index, kind, (batch, batch), (nodes, nodes))
    return GraphInput({None: edges}, batch, owner)


def _heterogeneous(fields: Mapping[str, Any], owner: str) -> GraphInput:
    batches = _batches(fields["batch"], owner)
    states = fields["x"] if isinstance(fields["x"], Mapping) else {}
    sizes = {
        kind: len(nodes)
        for kind, nodes in [*batches.items(), *states.items()]
        if isinstance(nodes, Tensor)
    }
    edges: dict[Relation | None, InputEdges] = {}
    for relation, edge_index in fields["edge_index"].items():
        ends = _ends(relation, owner)
        unknown = [end for end in ends if batches and end not in batches]
        if unknown:
            raise InputError(
                f"{owner} was given batch for the nodes of {', '.join(batches)} but not of "
                f"{unknown[0]}, so the graphs of the edges {' '.join(relation)} are not known; "
                "pass batch_dict of all node types"
            )
        source, target = ends
        edges[relation] = InputEdges(
            plain_edges(edge_index, owner),
            None,
            (batches.get(source), batches.get(target)),
            (sizes.get(source), sizes.get(target)),
            square=source == target,
        )
    return GraphInput(edges, None, owner)


def _batches(batch: object, owner: str) -> dict[str, Tensor]:
    """Return the graph of every node by node type; empty if there is one graph only."""
    if isinstance(batch, Tensor):
        raise InputError(
            f"{owner} was given a heterogeneous graph and batch as one tensor, which does not "
            "tell the graphs of all node types; pass it as a dictionary by node type, batch_dict"
        )
    return dict(batch) if isinstance(batch, Mapping) else {}


def _ends(relation: object, owner: str) -> tuple[str, str]:
    """Return the source and target node type of a relation."""
    match relation:
        case (str(source), str(), str(target)):
            return source, target
    raise InputError(
        f"{owner} was given edges under {relation!r}; key them by a tuple of source node type, "
        "relation and target node type"
    )


def _field(source: Any, name: str) -> Any:  # noqa: ANN401  (as above)
    """Return ``source[name]`` or ``source.name``, or the same with ``_dict``; else ``None``."""
    for variant in (name, f"{name}_dict"):
        if isinstance(source, Mapping):
            found = source.get(variant)
        elif isinstance(source, Tensor | nn.Module):
            found = None  # a tensor's attributes are no graph's
        else:
            found = attribute(source, variant)
        if found is not None:
            return found
    return None
