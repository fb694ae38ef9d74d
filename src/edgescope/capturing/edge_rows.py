"""The rows that a layer computed: as its adapter describes them, and which edges they are."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from edgescope.lib.errors import InputError

Relation = tuple[str, str, str]
"""Type of an edge in a heterogeneous graph: source node type, relation, target node type."""


class EdgeRows(NamedTuple):
    """One row per edge of a message-passing layer."""

    edge_index: Tensor
    """Source and target of every row ``[2, E]``, as the layer saw them."""
    num_nodes: tuple[int | None, int | None] = (None, None)
    """Number of source and of target nodes, if the layer knows them."""
    replaces_loops: bool = False
    """Whether the layer dropped the input's self-loops and appended its own."""
    given: Tensor | None = None
    """The edges that the layer was called with ``[2, M]``, where it may replace loops."""
    real: Tensor | None = None
    """Which rows are edges of the graph ``[E]``, where the layer is told; the rest are added."""
    target_row: int = 1
    """Row of ``edge_index`` that holds the node that attends: 0 where the flow is reversed."""
    pairs: bool = False
    """Whether rows that the model computed anew may be known by their nodes, as pairs of these."""
    two_sets: bool = False
    """Whether its ends are of two sets whatever the model was given, such as hyperedges."""
    places: bool = False
    """Whether the target is the number of a row of a table, which was never an end of an edge."""
    number: Tensor | None = None
    """What the model may have as the numbers of the edges ``[E]``."""


class RelationRows(NamedTuple):
    """Rows of a layer that works on all relations of a heterogeneous graph, one after the other."""

    relations: tuple[Relation, ...]
    """The relations, in the order of the rows."""
    edge_indices: tuple[Tensor, ...]
    """The edges ``[2, E_r]`` of each relation, each end numbered within its node type."""
    num_nodes: tuple[tuple[int | None, int | None], ...]
    """Number of source and of target nodes of each relation, if the layer knows them."""
    target_row: int = 1
    """Row of ``edge_index`` that holds the node that attends: 0 where the flow is reversed."""


class PairRows(NamedTuple):
    """One row per pair of nodes that a dense layer let attend to each other; ``P`` pairs."""

    graph: Tensor
    """Graph of the pair ``[P]``: its position in the dense batch."""
    query: Tensor
    """Position in its graph of the node that attends ``[P]``."""
    key: Tensor
    """Position in its graph of the node that it attends to ``[P]``."""
    sizes: Tensor
    """Number of nodes of every graph ``[G]``, without padding."""
    tokens: int = 0
    """How many nodes the model has appended to every graph, such as a virtual node: their
    positions come after those of the graph's own nodes."""


class NodeBlock(NamedTuple):
    """The nodes of one set, whose states stand one after the other, in the order of the nodes."""

    size: int
    """How many rows there are of them."""
    end: int | None = None
    """The row of ``edge_index`` that numbers them; ``None`` if both do."""
    kind: str = ""
    """The node type, where a layer works on all types of a heterogeneous graph at once."""


class NodeRows(NamedTuple):
    """One row per node around a layer, known by the edges that the layer was called with."""

    edge_indices: tuple[Tensor, ...]
    """The edges ``[2, E]`` that the layer was given, or those of each relation."""
    blocks: tuple[NodeBlock, ...]
    """The nodes whose states these are, one set after the other."""
    relations: tuple[Relation, ...] = ()
    """The relation of each of ``edge_indices``, if the layer works on all of them at once."""


class DenseNodeRows(NamedTuple):
    """One row per node around a dense layer, graph by graph."""

    sizes: Tensor
    """Number of nodes of every graph ``[G]``, without padding."""


Rows = EdgeRows | RelationRows | PairRows | NodeRows | DenseNodeRows
"""What every emission of an adapter comes with."""


class EdgeIdentity(NamedTuple):
    """Which edge every row of a site belongs to; ``E`` rows, one per edge the layer saw.

    Example:
        >>> import torch
        >>> from torch_geometric.nn import GATv2Conv
        >>> import edgescope as es
        >>> model = GATv2Conv(3, 4, heads=2, add_self_loops=False).eval()
        >>> x, edge_index = torch.rand(3, 3), torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> with es.capture(model) as tape:
        ...     _ = model(x, edge_index)
        >>> tape[":weight"].identity.graph.tolist()
        [0, 0, 0]
    """

    edge_index: Tensor
    """Source and target of every edge ``[2, E]``, as the layer saw them. Where a layer joins the
    relations of a heterogeneous graph into one, each end is numbered within its node type."""
    input_edge: Tensor
    """Position of the edge in its own graph ``[E]``, as the user gave it; in a heterogeneous graph,
    its position within its relation. -1 for an edge that the user did not give: a self-loop that
    the layer added, or a pair of nodes without an edge in global attention."""
    graph: Tensor
    """Graph of the edge ``[E]``: its position in the batch that the model was given; a scan
    turns it into the position in the data set."""
    edge_type: Tensor | None
    """Type of the edge ``[E]``, if the model was given one integer per edge; its relation, if
    the graph is heterogeneous. -1 where ``input_edge`` is."""
    node_offset: Tensor
    """What to subtract from ``edge_index`` to number the nodes within their graph ``[2, E]``."""
    relations: tuple[str, ...] | None = None
    """Names of the relations that ``edge_type`` numbers, such as ``"author writes paper"``;
    ``None`` unless the graph is heterogeneous."""
    relation: Tensor | None = None
    """Number of the relation that a layer worked on when it computed the row ``[E]``, also of
    added rows; ``None`` unless the graph is heterogeneous."""
    position: Tensor | None = None
    """Position of the edge among all edges that the model was given, or all of its relation
    ``[E]``, whatever its graph; -1 where ``input_edge`` is. ``None`` if it is ``input_edge``."""
    target_row: int = 1
    """Row of ``edge_index`` that holds the target, the end that attends and aggregates: 1, or 0
    in a layer with ``flow="target_to_source"``."""
    input: str = ""
    """Which input of the call the edges belong to, where the model was given several graphs, such
    as ``"edge_index_t"`` or ``"snapshots[1]"``; empty if there is one only."""
    of: Literal["edge", "node"] = "edge"
    """What a row is. At a site of node states it is a node: source and target are both that node,
    ``input_edge`` is its number in its graph and ``position`` that among all nodes; ``edge_type``
    is the node's type, which ``relations`` names in a heterogeneous graph."""
    turned: bool = False
    """Whether every row that is an edge of the input holds its two ends exchanged, as where a model
    hands its edges on reversed."""

    @property
    def in_input(self) -> Tensor:
        """Position of every edge among all edges of its input ``[E]``; -1 if it was added."""
        return self.input_edge if self.position is None else self.position

    def fits(self, edges: Tensor) -> bool:
        """Return whether the rows are those of an input's ``edges`` ``[2, M]`` that they name."""
        position = self.in_input
        real = position >= 0
        at, here = position[real], edges.to(position.device)
        if at.numel() and int(at.max()) >= here.size(1):
            return False
        ends = here[:, at].flip(0) if self.turned else here[:, at]
        return torch.equal(ends, self.edge_index[:, real])

    @property
    def source(self) -> Tensor:
        """The node that every edge is attended to at ``[E]``, numbered as in ``edge_index``."""
        return self.edge_index[1 - self.target_row]

    @property
    def target(self) -> Tensor:
        """The node that attends and aggregates ``[E]``, numbered as in ``edge_index``."""
        return self.edge_index[self.target_row]

    @property
    def node(self) -> Tensor:
        """The node of every row ``[V]``, numbered within its graph as the user gave it.

        Raises:
            InputError: if a row is an edge.
        """
        self._check_nodes()
        return self.own_target

    @property
    def node_type(self) -> Tensor | None:
        """The type of the node of every row ``[V]``, if there is one.

        Raises:
            InputError: if a row is an edge.
        """
        self._check_nodes()
        return self.edge_type

    def _check_nodes(self) -> None:
        if self.of != "node":
            raise InputError(
                "a row of this site is an edge, which has two nodes: own_source and own_target"
            )

    @property
    def own_source(self) -> Tensor:
        """The source of every edge ``[E]``, numbered within its graph."""
        return self.source - self.node_offset[1 - self.target_row]

    @property
    def own_target(self) -> Tensor:
        """The target of every edge ``[E]``, numbered within its graph."""
        return self.target - self.node_offset[self.target_row]
