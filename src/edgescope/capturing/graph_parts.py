"""Parts of one large graph: which of its edges and nodes a batch of a sampling loader holds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.edge_rows import EdgeIdentity, Relation
from edgescope.lib.errors import InputError
from edgescope.lib.graph_names import GraphNames
from edgescope.lib.model_call import attribute

REMEDY = (
    "set data.e_id = torch.arange(data.num_edges) and data.n_id = torch.arange(data.num_nodes) "
    "before making the loader (in a HeteroData, of every edge and node type)"
)
"""What to do if a batch does not say which edges and nodes it holds."""


class PartEdges(NamedTuple):
    """The edges of a part: all of them, or one relation of a heterogeneous graph."""

    edge_index: Tensor
    """Source and target of every edge in the batch ``[2, E]``."""
    e_id: Tensor
    """Position of every edge in the whole graph ``[E]``."""
    n_id: tuple[Tensor, Tensor]
    """Number in the whole graph of every source node and of every target node."""

    def ends(self, edge_index: Tensor) -> Tensor:
        """Return the numbers in the whole graph of nodes of the batch ``[2, E]``."""
        return torch.stack(
            [known.to(end.device)[end] for known, end in zip(self.n_id, edge_index, strict=True)]
        )


class Part:
    """The part of one large graph that a batch holds.

    Args:
        edges: the edges by relation; one entry under ``None`` if the graph is not heterogeneous.

    Attributes:
        size: number of graphs, 1.
    """

    size = 1

    def __init__(self, edges: Mapping[Relation | None, PartEdges]) -> None:
        self.edges = dict(edges)

    @classmethod
    def of(cls, batch: Any, edges: str = "edge_index") -> "Part | None":  # noqa: ANN401  (any PyG batch)
        """Read a batch; ``None`` if it does not say that it is a part of a graph.

        Args:
            batch: any PyG batch. PyG's ``NodeLoader`` and ``LinkLoader``, of which
                ``NeighborLoader`` is one, put ``e_id`` ``[E]`` and ``n_id`` ``[V]`` on it: the
                positions in the whole graph of its edges and nodes.
            edges: what the batch calls ``edge_index``.

        Raises:
            InputError: if it says so of its edges only or of its nodes only, or if the numbers
                do not fit the batch.
        """
        e_id, n_id = attribute(batch, "e_id"), attribute(batch, "n_id")
        if e_id is None and n_id is None:
            return None
        if e_id is None or n_id is None:
            held, missing = ("edges", "n_id") if n_id is None else ("nodes", "e_id")
            raise InputError(
                f"a batch says which {held} of a large graph it holds, but has no {missing}; "
                f"{REMEDY}"
            )
        _refuse_position(batch)
        given = attribute(batch, edges)
        if isinstance(given, Mapping):
            found = {r: _of_relation(r, given[r], e_id, n_id) for r in given}
            return cls({relation: part for relation, part in found.items() if part is not None})
        if not isinstance(given, Tensor):
            raise InputError(
                f"a batch has e_id and n_id, but no edges [2, E] as {edges}; pass a loader over "
                "data with edge_index"
            )
        return cls({None: _checked(PartEdges(given, e_id, (n_id, n_id)))})

    @classmethod
    def expect(cls, batch: Any, edges: str = "edge_index") -> "Part":  # noqa: ANN401  (as above)
        """Read a batch that must be a part of a graph, as :meth:`of` does."""
        part = cls.of(batch, edges)
        if part is None:
            raise InputError(
                "received a batch without e_id and n_id, expected a part of a large graph; "
                f"{REMEDY}"
            )
        return part

    def names(self) -> GraphNames:
        """Return no names: a part of a graph has none."""
        return GraphNames()

    def identify(self, identity: EdgeIdentity) -> EdgeIdentity:
        """Return the same rows with edges and nodes numbered in the whole graph, which is graph 0.

        Raises:
            InputError: if the model was given other edges than the batch holds.
        """
        if identity.of == "node":
            return self._identify_nodes(identity)
        position = identity.in_input
        ends = torch.empty_like(identity.edge_index)
        input_edge = torch.full_like(identity.input_edge, -1)
        for relation, rows in _rows_by_relation(identity, self.edges):
            part = self.edges.get(relation)
            if part is None:
                raise _other_edges()
            seen, at = identity.edge_index[:, rows], position[rows]
            seen = seen.flip(0) if identity.turned else seen
            own = part.ends(_within(seen, part))
            ends[:, rows] = own.flip(0) if identity.turned else own
            real = at >= 0
            input_edge[rows] = _positions(part, seen[:, real], at, real)
        return identity._replace(
            edge_index=ends,
            input_edge=input_edge,
            graph=torch.zeros_like(identity.graph),
            node_offset=torch.zeros_like(ends),
        )

    def _identify_nodes(self, identity: EdgeIdentity) -> EdgeIdentity:
        """Return rows that are nodes, numbered in the whole graph."""
        node = identity.in_input
        number = torch.empty_like(node)
        names = identity.relations or ("",)
        kind = torch.zeros_like(node) if identity.relation is None else identity.relation
        for place, name in enumerate(names):
            rows = (kind == place).nonzero().squeeze(1)
            known = self._numbers_of(name if identity.relations else None)
            if len(rows) and (known is None or len(rows) != len(known)):
                raise InputError(
                    f"the model has {len(rows)} nodes, its batch numbers "
                    f"{0 if known is None else len(known)} in n_id, so they cannot be found in the "
                    "whole graph; pass the batch's own nodes on to the model"
                )
            if known is not None:
                number[rows] = known.to(node.device, torch.int64)[node[rows]]
        return identity._replace(
            edge_index=number.expand(2, -1),
            input_edge=number,
            graph=torch.zeros_like(identity.graph),
            node_offset=torch.zeros_like(identity.edge_index),
        )

    def _numbers_of(self, kind: str | None) -> Tensor | None:
        """Return the numbers in the whole graph of the batch's nodes, perhaps of a node type."""
        for relation, part in self.edges.items():
            ends = (None, None) if relation is None else (relation[0], relation[2])
            if kind in ends:
                return part.n_id[ends.index(kind)]
        return None


def _rows_by_relation(
    identity: EdgeIdentity, known: Mapping[Relation | None, PartEdges]
) -> list[tuple[Relation | None, Tensor | slice]]:
    """Return the rows of every relation, or all rows of a graph that is not heterogeneous."""
    if identity.relations is None or identity.relation is None:
        return [(None, slice(None))]
    by_name = {" ".join(relation): relation for relation in known if relation is not None}
    if len(by_name) < len(known):
        raise InputError(
            "two relations of the batch read the same when their parts are joined by spaces; "
            "rename one of them"
        )
    held = torch.unique(identity.relation).tolist()
    names = {number: identity.relations[number] for number in held}
    return [
        (by_name.get(name), (identity.relation == number).nonzero().squeeze(1))
        for number, name in names.items()
    ]


def _positions(part: PartEdges, seen: Tensor, position: Tensor, real: Tensor) -> Tensor:
    """Return the positions in the whole graph of rows at ``position`` of the batch; -1 if added."""
    at = position[real]
    edge_index = part.edge_index.to(seen.device)
    inside = not at.numel() or int(at.max()) < edge_index.size(1)
    if not inside or not torch.equal(edge_index[:, at], seen):
        raise _other_edges()
    found = torch.full_like(position, -1)
    found[real] = part.e_id.to(seen.device, torch.int64)[at]
    return found


def _within(seen: Tensor, part: PartEdges) -> Tensor:
    """Return the ends of rows, all of which the batch must hold."""
    for end, known in zip(seen, part.n_id, strict=True):
        if end.numel() and not 0 <= int(end.min()) <= int(end.max()) < len(known):
            raise _other_edges()
    return seen


def _other_edges() -> InputError:
    return InputError(
        "the model was given other edges than its batch holds, so they cannot be found in the "
        "whole graph; pass the batch's own edge_index on to the model"
    )


def _refuse_position(batch: Any) -> None:  # noqa: ANN401  (any PyG batch)
    """Refuse a part of one of several graphs: an edge would need two numbers."""
    graph = attribute(batch, "graph")
    if isinstance(graph, int) or (isinstance(graph, Tensor) and graph.numel() == 1):
        raise InputError(
            f"a batch is a part of a large graph (e_id, n_id) and has a position, graph="
            f"{int(graph)}; scan every large graph by itself, and delete that attribute"
        )


def _of_relation(relation: Relation, edge_index: Tensor, e_id: Any, n_id: Any) -> PartEdges | None:  # noqa: ANN401  (what a batch holds)
    """Read one relation; ``None`` if it has no edge, for which a loader may give no number."""
    if not edge_index.size(1):
        e_id = {relation: edge_index.new_empty(0)}
    numbers = [n_id.get(end) if isinstance(n_id, Mapping) else None for end in relation[::2]]
    own = e_id.get(relation) if isinstance(e_id, Mapping) else None
    name = " ".join(relation)
    if own is None:
        raise InputError(f"a batch has edges {name} without e_id; {REMEDY}")
    if numbers[0] is None or numbers[1] is None:
        if not edge_index.size(1):
            return None
        raise InputError(f"a batch has edges {name} whose nodes have no n_id; {REMEDY}")
    return _checked(PartEdges(edge_index, own, (numbers[0], numbers[1])), f" {name}")


def _checked(part: PartEdges, name: str = "") -> PartEdges:
    """Refuse numbers that do not fit the batch: a transform may have changed its edges."""
    edge_index, e_id, n_id = part
    size = edge_index.size(1)
    for what, numbers in (("e_id", e_id), ("n_id", n_id[0]), ("n_id", n_id[1])):
        if not isinstance(numbers, Tensor) or numbers.dim() != 1 or numbers.is_floating_point():
            raise InputError(
                f"received {what} of a batch that is no tensor of whole numbers, one per edge or "
                f"node{name and f' of{name}'}; {REMEDY}"
            )
        if numbers.numel() and int(numbers.min()) < 0:
            raise InputError(f"received {what} {int(numbers.min())}, expected 0 upwards; {REMEDY}")
    if len(e_id) != size:
        raise InputError(
            f"a batch has {size} edges{name} and {len(e_id)} numbers in e_id, expected one each; "
            f"change edges before the loader samples them, and {REMEDY}"
        )
    for end, known in zip(edge_index, n_id, strict=True):
        if size and int(end.max()) >= len(known):
            raise InputError(
                f"a batch has an edge{name} at node {int(end.max())} and {len(known)} numbers in "
                f"n_id, expected one per node; {REMEDY}"
            )
    return part
