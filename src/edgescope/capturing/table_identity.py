"""Which edges the rows of tables of neighbours are, of which only the neighbours were followed."""

import torch
from torch import Tensor

from edgescope.capturing.edge_columns import is_rewritten
from edgescope.capturing.edge_rows import EdgeRows
from edgescope.capturing.graph_input import InputEdges
from edgescope.capturing.origin import Origins


def followed_by_one_end(
    seen: Tensor, rows: EdgeRows, given: InputEdges, origins: Origins
) -> Tensor | None:
    """Return which edge of the input every row is ``[E]``, by its neighbour alone, if that is sure.

    A table that was filled with the sources of edges holds them wherever they were moved, and the
    number of a row is the target. Where the edge that a source belongs to has that very target, and
    no edge stands in two places, the row is that edge.

    Args:
        seen: source and target of the rows ``[2, E]``, of which the target is the row's number.
        rows: what else is known of them.
        given: the input.
        origins: has followed its edges through the pass.
    """
    codes = origins.codes(seen) if rows.places else None
    if codes is None or len(origins.sizes) != 1 or is_rewritten(given, origins):
        return None
    position, size = codes[0], given.snapshot.size(1)
    if bool((position < 0).any()) or bool((position >= size).any()):
        return None
    if not torch.equal(given.snapshot[:, position].to(seen.dtype), seen):
        return None
    return position if bool((position.bincount() <= 1).all()) else None
