"""How an adapter describes the rows that a layer computed, before they are identified."""

from typing import NamedTuple

from torch import Tensor

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


Rows = EdgeRows | RelationRows | PairRows
"""What every emission of an adapter comes with."""
