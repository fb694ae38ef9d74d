"""Edge identity: from the rows that a layer computed to the edges that the user gave."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.certainty import (
    check_columns,
    check_replaced_loops,
    check_sizes_of_nodes,
    check_two_sets,
    is_turned,
)
from edgescope.capturing.edge_columns import Column, Columns
from edgescope.capturing.edge_match import match_edges
from edgescope.capturing.edge_rows import (
    DenseNodeRows,
    EdgeIdentity,
    EdgeRows,
    NodeRows,
    PairRows,
    Relation,
    RelationRows,
    Rows,
)
from edgescope.capturing.graph_input import GraphInput, InputEdges, plain_edges
from edgescope.capturing.node_identity import NodeIdentifier
from edgescope.capturing.origin import Origins
from edgescope.capturing.pair_identity import identify_pairs
from edgescope.capturing.pairs import as_pairs, edges_between, nodes_alone, warn_of_pairs
from edgescope.capturing.relation_rows import joined_relations, relation_keys, relation_words
from edgescope.capturing.table_identity import followed_by_one_end
from edgescope.lib.errors import InputError

REMEMBERED = 4
"""How many results are kept for a call and input: few models have more than two kinds of layers."""


class _Known(NamedTuple):
    """An identity found before in this call of the model."""

    column: Column
    kind: tuple[bool, int, bool]
    real: Tensor | None
    identity: EdgeIdentity


class Identifier:
    """Identifies the rows of every layer in one call of a model.

    Args:
        graph: the graphs that the model was given.
        origins: follows their edges through the call, where it is entered.
        vouched: says of a site whether the user vouches for the edges of its layer.
    """

    def __init__(
        self,
        graph: GraphInput,
        origins: Origins,
        vouched: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.graph = graph
        self.origins = origins
        self._vouched = vouched
        self._columns = Columns(graph.inputs, origins)
        self._known: list[_Known] = []
        self._pairs: list[tuple[PairRows, EdgeIdentity]] = []
        self._nodes = NodeIdentifier(graph)
        self._joined: tuple[RelationRows, EdgeIdentity] | None = None

    def identify(self, rows: Rows, site: str, keys: Sequence[object] = ()) -> EdgeIdentity:
        """Return which edge every row is.

        Args:
            rows: the rows, as the layer's adapter describes them.
            site: name of the site.
            keys: keys of the module dictionaries that hold the layer, outermost first; one of
                them names the relation of a layer where two relations are one tensor.

        Raises:
            InputError: if it is not certain which edge every row is.
            NotFollowed: if the layer was given a copy of the edges in a pass that is not followed.
        """
        what = "node" if isinstance(rows, NodeRows | DenseNodeRows) else "edge"
        try:
            if isinstance(rows, NodeRows | DenseNodeRows):
                return self._identify_nodes(rows, site, keys)
            if isinstance(rows, PairRows):
                return self._identify_pairs(rows)
            if isinstance(rows, RelationRows):
                return self._identify_relations(rows)
            return self._identify_edges(rows, site, keys)
        except InputError as error:
            raise InputError(
                f"which row of {site} belongs to which {what} cannot be told: {error}; "
                "leave this site out with sites="
            ) from error

    def _identify_edges(
        self, rows: EdgeRows, site: str, keys: Sequence[object], relation: Relation | None = None
    ) -> EdgeIdentity:
        seen = plain_edges(rows.edge_index, "the layer")
        if not self.graph.inputs:
            return nodes_alone(seen, rows, self.graph, site)
        own = rows.given if rows.replaces_loops and rows.given is not None else seen
        kind = (rows.replaces_loops, rows.target_row, rows.two_sets)
        try:
            column = self._column(own, keys, relation)
            for known in self._known:
                alike = known.column is column and known.real is rows.real
                alike = alike and known.kind == kind
                if alike and _same(known.identity.edge_index, seen):
                    return known.identity
            position = self._position(seen, own, column, rows)
            turned = is_turned(column, self.graph.inputs[column.input])
        except InputError:
            if not self._vouched(site):
                pairs = as_pairs(seen, rows, self.graph) if rows.pairs else None
                if pairs is None:
                    raise
                given, count = pairs
                at = followed_by_one_end(seen, rows, given, self.origins)
                if at is None:
                    at = self._followed(own, keys, relation)
                    if at is None:
                        at = edges_between(seen, rows.number, given.snapshot, count)
                    warn_of_pairs(site)
                return self._at(given, seen, at, rows.target_row)
            edges, position = self._match(seen, rows, keys, relation)
            return self._at(edges, seen, position, rows.target_row)
        edges = self.graph.inputs[column.input]
        identity = self._at(edges, seen, position, rows.target_row, turned=turned)
        self._known = [*self._known, _Known(column, kind, rows.real, identity)]
        self._known = self._known[-REMEMBERED * len(self.graph.inputs) :]
        return identity

    def _followed(
        self, own: Tensor, keys: Sequence[object], relation: Relation | None
    ) -> Tensor | None:
        """Return the positions ``[E]`` of rows of which some could be followed, -1 for others."""
        try:
            column = self._column(own, keys, relation)
        except InputError:
            return None
        return None if bool((column.position < 0).all()) else column.position

    def _position(self, seen: Tensor, own: Tensor, column: Column, rows: EdgeRows) -> Tensor:
        """Return which edge of its input every row is ``[E]``, -1 for added ones."""
        edges = self.graph.inputs[column.input]
        if edges.unclear is not None:
            raise InputError(edges.unclear)
        if not own.size(1) and seen.size(1) and not column.certain:
            raise InputError("it was given no edge, and which input its own belong to is not known")
        if rows.two_sets:
            check_two_sets(rows, edges)
        elif not column.as_given and rows.real is None:
            check_sizes_of_nodes(rows, edges, turned=is_turned(column, edges))
        if rows.replaces_loops and rows.given is not None:
            return check_replaced_loops(seen, own, column, edges, self.origins)
        return check_columns(seen, column, edges, self.origins, rows.real)

    def _column(self, own: Tensor, keys: Sequence[object], relation: Relation | None) -> Column:
        """Return which edge of which input every column of a layer's edges is."""
        return self._columns.find(
            own, (relation, *keys), lambda found: self._pick(found, keys, relation)
        )

    def _pick(self, found: Sequence[int], keys: Sequence[object], relation: Relation | None) -> int:
        """Return the one of several inputs, which are one tensor, that a layer works on."""
        if relation is not None:
            found = [n for n in found if self.graph.inputs[n].relation == relation]
        if len(found) == 1:
            return found[0]
        for key in reversed(keys):
            named = [n for n in found if key in relation_keys(self.graph.inputs[n].relation)]
            if len(named) == 1:
                return named[0]
        relations = [self.graph.inputs[n].relation for n in found]
        raise InputError(
            f"{', '.join(map(relation_words, relations))} are one tensor of edges, and no key of a "
            "ModuleDict or HeteroConv that holds the layer names one of these relations and no "
            "other; give each relation its own copy of the edges"
        )

    def _match(
        self, seen: Tensor, rows: EdgeRows, keys: Sequence[object], relation: Relation | None
    ) -> tuple[InputEdges, Tensor]:
        """Match edges by their numbers, for which the user vouches."""
        inputs = list(self.graph.inputs)
        number = 0
        if len(inputs) > 1:
            kinds = [each.relation for each in inputs]
            if None in kinds:
                raise InputError(
                    f"the model was given several inputs, {', '.join(e.name for e in inputs)}, and "
                    "which of them a copy of edges comes from cannot be told"
                )
            number = self._pick(range(len(inputs)), keys, relation)
        edges = inputs[number]
        position = match_edges(
            seen,
            edges.snapshot,
            square=edges.square,
            replaces_loops=rows.replaces_loops,
        )
        return edges, position

    def _at(
        self,
        given: InputEdges,
        seen: Tensor,
        position: Tensor,
        target_row: int = 1,
        *,
        turned: bool = False,
    ) -> EdgeIdentity:
        """Look up the rows at ``position`` ``[E]`` of the input's edges, -1 for added ones."""
        kind = given.edge_type
        names = number = None
        if given.relation is not None:
            relations = self.graph.relations
            names = tuple(map(relation_words, relations))
            kind = torch.full_like(given.snapshot[0], relations.index(given.relation))
            number = torch.full_like(seen[0], relations.index(given.relation))
        # As the input has its ends, each of which may be numbered by nodes of its own.
        ends, attending = (seen.flip(0), 1 - target_row) if turned else (seen, target_row)
        input_edge, graph, offset = given.locate(ends, position, attending)
        return EdgeIdentity(
            # The model may go on to write to its own tensors in place.
            seen.clone(),
            input_edge,
            graph,
            None if kind is None else given.look_up(kind, position),
            offset.flip(0) if turned else offset,
            names,
            number,
            position,
            target_row,
            given.name,
            turned=turned,
        )

    def _identify_relations(self, rows: RelationRows) -> EdgeIdentity:
        if self._joined is not None and self._joined[0] is rows:
            return self._joined[1]
        missing = [r for r in rows.relations if r not in self.graph.relations]
        if missing:
            raise InputError(f"the model was not given the relation {relation_words(missing[0])}")
        parts = [
            self._identify_edges(
                EdgeRows(edge_index, num_nodes, target_row=rows.target_row), "", (), relation
            )
            for relation, edge_index, num_nodes in zip(
                rows.relations, rows.edge_indices, rows.num_nodes, strict=True
            )
        ]
        identity = joined_relations(parts, self.graph.relations, rows.target_row)
        self._joined = (rows, identity)
        return identity

    def _identify_nodes(
        self, rows: NodeRows | DenseNodeRows, site: str, keys: Sequence[object]
    ) -> EdgeIdentity:
        def column(own: Tensor, relation: Relation | None) -> Column | None:
            try:
                return self._column(own, keys, relation)
            except InputError:
                if not self._vouched(site):
                    raise
                return None

        return self._nodes.identify(rows, column)

    def _identify_pairs(self, rows: PairRows) -> EdgeIdentity:
        """Identify pairs of nodes of a dense batch, whose rows hold the nodes of each graph."""
        for known, identity in self._pairs:
            if known.tokens == rows.tokens and all(map(_same, known[:4], rows[:4])):
                return identity
        if self.graph.relations:
            raise InputError("the nodes of a heterogeneous graph are of several types")
        identity = identify_pairs(rows, self.graph, self._at)
        self._pairs = [(rows, identity)]
        return identity


def _same(one: Tensor, other: Tensor) -> bool:
    return one is other or torch.equal(one, other)
