"""Edge identity: from the rows that a layer computed to the edges that the user gave."""

from collections.abc import Sequence

import torch
from torch import Tensor

from edgescope.capture.activations import EdgeIdentity
from edgescope.capture.graph_input import GraphInput, InputEdges, plain_edges, starts
from edgescope.capture.matching import is_same, is_start, match_edges
from edgescope.capture.pairs import check_sizes, first_between
from edgescope.capture.rows import EdgeRows, PairRows, Relation, RelationRows, Rows
from edgescope.errors import InputError

REMEMBERED = 4
"""How many results of identification are kept for a call and relation: a model rarely has more than
two kinds of layers, say with and without added self-loops."""

_Key = tuple[Tensor, bool, bool, Relation | None, int]


class Identifier:
    """Identifies the rows of every layer in one call of a model.

    Args:
        graph: the graph that the model was given.
    """

    def __init__(self, graph: GraphInput) -> None:
        self.graph = graph
        self._known: list[tuple[_Key, EdgeIdentity]] = []
        self._marked: list[tuple[Tensor, Tensor | None, EdgeIdentity]] = []
        self._pairs: list[tuple[PairRows, EdgeIdentity]] = []
        self._joined: tuple[RelationRows, EdgeIdentity] | None = None

    def identify(self, rows: Rows, site: str, keys: Sequence[object] = ()) -> EdgeIdentity:
        """Return which edge every row is.

        Args:
            rows: the rows, as the layer's adapter describes them.
            site: name of the site, for messages.
            keys: keys of the module dictionaries that hold the layer, outermost first; one of
                them names the relation of a layer of a heterogeneous model.

        Raises:
            InputError: if it is not certain which edge every row is.
        """
        try:
            if isinstance(rows, PairRows):
                return self._identify_pairs(rows)
            if isinstance(rows, RelationRows):
                return self._identify_relations(rows)
            return self._identify_edges(rows, self._relation(rows, keys))
        except InputError as error:
            raise InputError(
                f"which row of {site} belongs to which edge cannot be told: {error}; "
                "leave this site out with sites="
            ) from error

    def _relation(self, rows: EdgeRows, keys: Sequence[object]) -> Relation | None:
        """Return the relation that a layer of a heterogeneous model works on."""
        relations = self.graph.relations
        if not relations:
            return None
        own = rows.edge_index if rows.given is None else rows.given
        same = [r for r in relations if self.graph.edges[r].edge_index is own]
        if len(same) == 1:
            return same[0]
        for key in reversed(keys):
            named = [relation for relation in same or relations if key in _names(relation)]
            if len(named) == 1:
                return named[0]
        raise InputError(
            "no key of a ModuleDict or HeteroConv that holds it names one of the relations "
            f"{', '.join(_words(relation) for relation in relations)} and no other, and it was "
            "not given the edges of one of them as they are"
        )

    def _input(self, relation: Relation | None) -> InputEdges:
        if relation not in self.graph.edges:
            raise InputError(
                f"{self.graph.model} was called without an argument named edge_index, by which "
                "captured edges are identified; name it with inputs={'edge_index': ...}"
            )
        return self.graph.edges[relation]

    def _identify_marked(
        self, rows: EdgeRows, real: Tensor, relation: Relation | None
    ) -> EdgeIdentity:
        """Identify the rows of a full graph, of which the layer knows which are edges.

        The model was given the edges, and added pairs to them; or was given both together.
        """
        given = self._input(relation)
        seen = plain_edges(rows.edge_index, "the layer")
        for known, marks, identity in self._marked:
            if known is seen and marks is real:
                return identity
        real = real.view(-1) != 0
        edges = seen[:, real]
        position = torch.full_like(seen[0], -1)
        if is_same(seen, given.edge_index):
            position = torch.arange(seen.size(1), device=seen.device).where(real, -1)
        elif torch.equal(edges, given.edge_index):
            position[real] = torch.arange(edges.size(1), device=seen.device)
        else:
            position[real] = match_edges(edges, given.edge_index, square=given.square)
        identity = self._at(given, seen, position, relation)
        self._marked = [*self._marked, (seen, rows.real, identity)][-REMEMBERED:]
        return identity

    def _identify_edges(self, rows: EdgeRows, relation: Relation | None) -> EdgeIdentity:
        if rows.real is not None:
            return self._identify_marked(rows, rows.real, relation)
        given = self._input(relation)
        seen = plain_edges(rows.edge_index, "the layer")
        # What a layer that replaces loops works on is a copy, what it was called with may not be.
        own = rows.given if rows.replaces_loops else seen
        is_view = own is not None and is_start(own, given.edge_index)
        is_view = is_view or not (rows.replaces_loops or seen.size(1))  # nothing to confuse
        first = own.size(1) if own is not None and is_view else given.edge_index.size(1)
        for what, here, there in zip(
            ("source", "target"), rows.num_nodes, given.num_nodes, strict=True
        ):
            if not is_view and here is not None and there is not None and here != there:
                raise InputError(
                    f"it works on {here} {what} nodes, the model was given {there}, so nodes were "
                    "renumbered on the way"
                )
        kind = (rows.replaces_loops, is_view, relation, rows.target_row)
        for (known, *of), identity in self._known:
            if tuple(of) != kind:
                continue
            # A copy of edges with self-loops is not certain to be the same edges; of loops that
            # a layer always replaces it is.
            if is_same(known, seen) or (rows.replaces_loops and torch.equal(known, seen)):
                return identity
        position = match_edges(
            seen,
            given.edge_index[:, :first],
            square=given.square,
            replaces_loops=rows.replaces_loops,
        )
        if (
            not is_view
            and None in given.num_nodes
            and _leaves_out(position, given, rows.replaces_loops)
        ):
            raise InputError(
                "it saw only some of the edges, and as the number of nodes given to the model is "
                "unknown, they may have been renumbered; name them with inputs={'x': ...}"
            )
        identity = self._at(given, seen, position, relation, rows.target_row)
        self._known = [*self._known, ((seen, *kind), identity)]
        self._known = self._known[-REMEMBERED * len(self.graph.edges) :]
        return identity

    def _at(
        self,
        given: InputEdges,
        seen: Tensor,
        position: Tensor,
        relation: Relation | None,
        target_row: int = 1,
    ) -> EdgeIdentity:
        """Look up the rows at ``position`` ``[E]`` of the input's edges, -1 for added ones."""
        real = position >= 0
        whole = given.edge_index.size(1) > 0

        def look_up(values: Tensor) -> Tensor:
            return values[position.clamp(min=0)].where(real, -1) if whole else position

        kind = given.edge_type
        names = number = None
        if relation is not None:
            relations = self.graph.relations
            names = tuple(_words(name) for name in relations)
            kind = torch.full_like(given.edge_index[0], relations.index(relation))
            number = torch.full_like(seen[0], relations.index(relation))
        graph = given.graph_of(seen)
        return EdgeIdentity(
            seen,
            look_up(given.input_edge),
            graph,
            None if kind is None else look_up(kind),
            given.node_offset(graph),
            names,
            number,
            position,
            target_row,
        )

    def _identify_relations(self, rows: RelationRows) -> EdgeIdentity:
        if self._joined is not None and self._joined[0] is rows:
            return self._joined[1]
        missing = [r for r in rows.relations if r not in self.graph.edges]
        if missing:
            raise InputError(f"the model was not given the relation {_words(missing[0])}")
        parts = [
            self._identify_edges(
                EdgeRows(edge_index, num_nodes, target_row=rows.target_row), relation
            )
            for relation, edge_index, num_nodes in zip(
                rows.relations, rows.edge_indices, rows.num_nodes, strict=True
            )
        ]
        kinds = [part.edge_type for part in parts if part.edge_type is not None]
        identity = EdgeIdentity(
            torch.cat([part.edge_index for part in parts], dim=1),
            torch.cat([part.input_edge for part in parts]),
            torch.cat([part.graph for part in parts]),
            torch.cat(kinds),
            torch.cat([part.node_offset for part in parts], dim=1),
            tuple(_words(relation) for relation in self.graph.relations),
            torch.cat([part.relation for part in parts if part.relation is not None]),
            torch.cat([part.position for part in parts if part.position is not None]),
            rows.target_row,
        )
        self._joined = (rows, identity)
        return identity

    def _identify_pairs(self, rows: PairRows) -> EdgeIdentity:
        """Identify pairs of nodes of a dense batch, whose rows hold the nodes of each graph."""
        for known, identity in self._pairs:
            if all(a is b or torch.equal(a, b) for a, b in zip(known, rows, strict=True)):
                return identity
        if self.graph.relations:
            raise InputError("the nodes of a heterogeneous graph are of several types")
        check_sizes(self.graph, rows.sizes)
        offset = starts(rows.sizes)[rows.graph]
        seen = torch.stack([rows.key, rows.query]) + offset
        given = self.graph.edges.get(None)
        if given is None:
            added = torch.full_like(rows.graph, -1)
            identity = EdgeIdentity(seen, added, rows.graph, None, offset.expand(2, -1))
        else:
            position = first_between(seen, given.edge_index, int(rows.sizes.sum()))
            identity = self._at(given, seen, position, None)
        self._pairs = [(rows, identity)]
        return identity


def _leaves_out(position: Tensor, given: InputEdges, replaces_loops: bool) -> bool:
    """Return whether edges of the input are not among the rows; dropped self-loops aside."""
    source, target = given.edge_index
    expected = int((source != target).sum()) if replaces_loops else source.numel()
    return int((position >= 0).sum()) < expected


def _names(relation: Relation) -> tuple[object, str, str]:
    """Return what a relation may be called as a key: a tuple, or PyG's two ways to join it."""
    joined = "__".join(relation)
    return relation, joined, joined.replace(" ", "_").replace("-", "_").replace(":", "_")


def _words(relation: Relation) -> str:
    return " ".join(relation)
