"""Which pairs of nodes, and which edges between them, the rows of a dense batch are."""

from collections.abc import Callable

import torch
from torch import Tensor

from edgescope.capturing.edge_rows import EdgeIdentity, PairRows
from edgescope.capturing.graph_input import GraphInput, InputEdges, starts
from edgescope.capturing.pairs import check_sizes, first_between
from edgescope.lib.errors import InputError

At = Callable[[InputEdges, Tensor, Tensor], EdgeIdentity]
"""Looks up rows at positions of the edges of an input."""


def identify_pairs(rows: PairRows, graph: GraphInput, at: At) -> EdgeIdentity:
    """Return which edge every pair of nodes of a dense batch is.

    Args:
        rows: the pairs.
        graph: what the model was given.
        at: looks up rows of its edges.

    Raises:
        InputError: if the nodes are not those that the model was given.
    """
    given = check_sizes(graph, rows.sizes)
    first, total = starts(rows.sizes)[rows.graph], int(rows.sizes.sum())
    place = torch.stack([rows.key, rows.query])
    own = place < rows.sizes[rows.graph]
    appended = total + rows.graph * rows.tokens - rows.sizes[rows.graph]
    seen = place + first.where(own, appended)
    offset = seen - place
    if given is None:
        added = torch.full_like(rows.graph, -1)
        identity = EdgeIdentity(seen, added, rows.graph, None, offset)
    else:
        if given.unclear is not None:
            raise InputError(given.unclear)
        nodes = total + rows.tokens * rows.sizes.numel()
        position = first_between(seen, given.snapshot, nodes)
        # A node that was appended is in no graph of the input, but its neighbours are.
        identity = at(given, seen.where(own, first), position)
        if rows.tokens:
            identity = identity._replace(edge_index=seen, graph=rows.graph, node_offset=offset)
    return identity
