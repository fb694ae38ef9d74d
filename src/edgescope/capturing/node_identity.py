"""Node identity: from the states around a layer to the nodes that the user gave.

The edges that a layer is called with tell. They are edges of the input with the same numbers, which
:mod:`edgescope.capturing.edge_columns` makes certain, and row ``n`` of the states is what these
edges take for node ``n``. There must be as many rows as the input has nodes; else some were pooled,
left out or appended on the way.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from edgescope.capturing.edge_columns import Column
from edgescope.capturing.edge_match import is_start
from edgescope.capturing.edge_rows import DenseNodeRows, EdgeIdentity, NodeBlock, NodeRows, Relation
from edgescope.capturing.graph_input import GraphInput, InputEdges, NodeSet, plain_edges
from edgescope.capturing.pairs import check_sizes
from edgescope.lib.errors import InputError

Find = Callable[[Tensor, Relation | None], Column | None]
"""Says where the columns of a layer's edges, perhaps of a relation, come from; ``None`` if the user
vouches for them."""


class NodeIdentifier:
    """Identifies the rows of node states in one call of a model.

    Args:
        graph: what the model was given.
    """

    def __init__(self, graph: GraphInput) -> None:
        self._graph = graph
        self._known: dict[object, EdgeIdentity] = {}

    def identify(self, rows: NodeRows | DenseNodeRows, find: Find) -> EdgeIdentity:
        """Return which node every row is; rows around the same edges share an identity.

        Args:
            rows: the rows, as the layer's adapter describes them.
            find: looks up the edges that the layer was called with.

        Raises:
            InputError: if that is not certain; the message says why.
        """
        key: object
        if isinstance(rows, DenseNodeRows):
            key = tuple(rows.sizes.tolist())
            if key not in self._known:
                self._known[key] = _dense(self._graph, rows)
            return self._known[key]
        relations = rows.relations or (None,) * len(rows.edge_indices)
        pairs = list(zip(rows.edge_indices, relations, strict=True))
        columns = [find(plain_edges(edges, "the layer"), relation) for edges, relation in pairs]
        key = (tuple(map(id, columns)), rows.blocks, rows.relations)
        if key not in self._known or not all(edges.size(1) for edges in rows.edge_indices):
            self._known[key] = _around(self._graph, rows, columns)
        return self._known[key]


def _around(graph: GraphInput, rows: NodeRows, columns: Sequence[Column | None]) -> EdgeIdentity:
    """Return which node every row of the states around a layer is."""
    inputs = [
        _input(graph, edges, column)
        for edges, column in zip(rows.edge_indices, columns, strict=True)
    ]
    kinds = tuple(dict.fromkeys(end for r in graph.relations for end in (r[0], r[2])))
    parts = []
    for block in rows.blocks:
        given, end = _end(block, rows, inputs)
        if len(rows.blocks) > 1 and given.square and not rows.relations:
            raise InputError(
                "it is given two states of every node, one as the source and one as the target of "
                "edges"
            )
        parts.append(_nodes(given, end, block.size, kinds))
    names = {part.input for part in parts}
    if len(names) > 1:
        raise InputError(f"its nodes are those of several inputs, {' and '.join(sorted(names))}")
    if len(parts) == 1:
        return parts[0]
    if not kinds:
        raise InputError(
            "it is given the states of two sets of nodes, whose numbers are the same; give the "
            "model a HeteroData, whose node types tell them apart"
        )
    number = torch.cat([part.relation for part in parts if part.relation is not None])
    return parts[0]._replace(
        edge_index=torch.cat([part.edge_index for part in parts], 1),
        input_edge=torch.cat([part.input_edge for part in parts]),
        graph=torch.cat([part.graph for part in parts]),
        edge_type=number,
        node_offset=torch.cat([part.node_offset for part in parts], 1),
        relation=number,
        position=torch.cat([part.in_input for part in parts]),
    )


def _dense(graph: GraphInput, rows: DenseNodeRows) -> EdgeIdentity:
    """Return which node every row of the states around a dense layer is."""
    if graph.relations:
        raise InputError("the nodes of a heterogeneous graph are of several types")
    if not graph.inputs and graph.batch is None:
        raise InputError(
            "the model was given neither edges nor the graph of every node, so how many nodes each "
            "graph has cannot be checked; give its forward batch, or say what it calls it with "
            "inputs={'batch': ...}"
        )
    given, sizes = check_sizes(graph, rows.sizes), rows.sizes
    if given is not None and given.unclear is not None:
        raise InputError(given.unclear)
    of_node = torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes)
    nodes = NodeSet(of_node, len(of_node))
    kind = None if given is None else given.node_type
    return _identity(nodes, of_node, kind, name="" if given is None else given.name)


def _input(graph: GraphInput, edges: Tensor, column: Column | None) -> InputEdges:
    """Return the input whose nodes a layer's edges are numbered by, if they tell for certain."""
    own = plain_edges(edges, "the layer")
    if column is None:
        if len(graph.inputs) != 1:
            raise InputError(
                "which of the inputs of the model its nodes are of cannot be told from edges that "
                "you vouch for"
            )
        return graph.inputs[0]
    given = graph.inputs[column.input]
    if given.unclear is not None:
        raise InputError(given.unclear)
    if not own.size(1) and not (column.certain and is_start(own, given.edge_index)):
        raise InputError(
            "it was given no edge, by which its nodes could be known, and not the edges of the "
            "input themselves"
        )
    if own.size(1) and not column.as_given and not bool((column.position >= 0).any()):
        raise InputError("none of its edges is one of the input, by which its nodes could be known")
    return given


def _end(
    block: NodeBlock, rows: NodeRows, inputs: Sequence[InputEdges]
) -> tuple[InputEdges, int | None]:
    """Return the input whose edges number the nodes of a block, and which end of them does."""
    if not rows.relations:
        return inputs[0], block.end
    for relation, given in zip(rows.relations, inputs, strict=True):
        for end, kind in enumerate((relation[0], relation[2])):
            if kind == block.kind:
                return given, end
    raise InputError(
        f"no relation that it was given has nodes of the type {block.kind!r}, by whose edges they "
        "could be known"
    )


def _nodes(given: InputEdges, end: int | None, size: int, kinds: Sequence[str]) -> EdgeIdentity:
    """Return the identity of all nodes at one end of an input's edges."""
    if end is None and not given.square:
        raise InputError(
            "it is given one tensor of states for edges between two sets of nodes, and of which "
            "set they are cannot be told"
        )
    nodes, other = given.nodes[end or 0], given.nodes[1 - (end or 0)]
    if nodes.size is None:
        raise InputError(
            "how many nodes the model was given is not known, so whether these are all of them "
            "cannot be told; say what its forward calls their features with inputs={'x': ...}"
        )
    if size != nodes.size:
        raise InputError(
            f"it has {size} rows, the model was given {nodes.size} nodes" + _cause(size, nodes.size)
        )
    if other.tells_graphs and not nodes.tells_graphs:
        raise InputError(
            "it is known which graphs the nodes at the other end of the edges belong to, and not "
            "those; pass the batch vectors of both"
        )
    place = torch.arange(size, device=given.edge_index.device)
    graph = nodes.graph_of(place)
    if given.relation is None:
        return _identity(nodes, graph, given.node_type if given.square else None, name=given.name)
    number = torch.full_like(place, kinds.index(given.relation[2 * (end or 0)]))
    found = _identity(nodes, graph, number, name=given.name)
    return found._replace(relations=tuple(kinds), relation=number)


def _identity(nodes: NodeSet, graph: Tensor, kind: Tensor | None, name: str) -> EdgeIdentity:
    """Return the identity of all nodes of a set; each is its own source and target."""
    place = torch.arange(len(graph), device=graph.device)
    offset = nodes.offset(place, graph)
    if kind is not None:
        kind = kind.to(graph.device, copy=True)  # the model may go on to write to its own tensors
    return EdgeIdentity(
        place.expand(2, -1),
        place - offset,
        graph,
        kind,
        offset.expand(2, -1),
        position=place,
        input=name,
        of="node",
    )


def _cause(size: int, nodes: int) -> str:
    """Say what usually makes the number of rows differ in this way."""
    if size > nodes:
        return ": more are usually virtual nodes, which are no nodes of the input"
    return ": fewer are usually a pooled graph, or the targets of sampled neighbourhoods"
