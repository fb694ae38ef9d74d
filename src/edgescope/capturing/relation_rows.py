"""Rows of the relations of a heterogeneous graph: what these are called, and all as one."""

from collections.abc import Sequence

import torch

from edgescope.capturing.edge_rows import EdgeIdentity, Relation
from edgescope.lib.errors import InputError


def joined_relations(
    parts: Sequence[EdgeIdentity], relations: Sequence[Relation], target_row: int
) -> EdgeIdentity:
    """Return the rows of several relations as those of one layer.

    Args:
        parts: the rows of each.
        relations: all relations of the graph, in the order given.
        target_row: row of ``edge_index`` that holds the node that attends.

    Raises:
        InputError: if they are edges of several inputs.
    """
    inputs = list(dict.fromkeys(part.input for part in parts))
    if len(inputs) > 1:
        raise InputError(f"it works on edges of several inputs at once, {', '.join(inputs)}")
    return EdgeIdentity(
        torch.cat([part.edge_index for part in parts], dim=1),
        torch.cat([part.input_edge for part in parts]),
        torch.cat([part.graph for part in parts]),
        torch.cat([part.edge_type for part in parts if part.edge_type is not None]),
        torch.cat([part.node_offset for part in parts], dim=1),
        tuple(map(relation_words, relations)),
        torch.cat([part.relation for part in parts if part.relation is not None]),
        torch.cat([part.position for part in parts if part.position is not None]),
        target_row,
        inputs[0] if inputs else "",
    )


def relation_keys(relation: Relation | None) -> tuple[object, ...]:
    """Return what a relation may be called as a key: a tuple, or PyG's two ways to join it."""
    if relation is None:
        return ()
    joined = "__".join(relation)
    return relation, joined, joined.replace(" ", "_").replace("-", "_").replace(":", "_")


def relation_words(relation: Relation | None) -> str:
    """Return what a relation is called in a table; empty for none."""
    return "" if relation is None else " ".join(relation)
