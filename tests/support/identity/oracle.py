"""Which edge every captured row is, told by tags alone, and what a capture says of it."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from support.identity.flow import REVERSED
from support.identity.graphs import Truth

Bool = NDArray[np.bool_]


def wrong_fields(
    found,
    tags: Tensor,
    truths: Sequence[Truth],
    *,
    names: Collection[str],
    target_row: int,
) -> dict[str, Bool]:
    """Return by field which rows of a capture it is wrong of ``[E]``.

    Args:
        found: what a capture says, ``EdgeActivations``.
        tags: tags of the edge, its source and its target, by row ``[E, 3]``.
        truths: what is true of the tags of every input.
        names: what the input may be called if it is not told by tags; empty if it is.
        target_row: the row of the edges that holds the end that attends.
    """
    edge, source, target = tags.numpy().T
    said = found.identity
    wrong = {}
    real = said.input_edge.numpy() >= 0
    may_be_real = edge >= 0
    must_be_real = may_be_real & (edge % 1 == 0)
    wrong["added"] = (real & ~may_be_real) | (~real & must_be_real)
    judged = real & may_be_real
    owner, row = _look_up(edge, truths, lambda truth: (truth.first, len(truth.edge)))
    name = said.input.removesuffix(".edge_index")
    by_tag = np.array([*(truth.name for truth in truths), "none"])
    wrong["input"] = judged & ((name not in names) if names else (by_tag[owner] != name))
    graph, place, kind = _rows(truths, owner, row, lambda truth: truth.edge)
    wrong["input_edge"] = judged & (said.input_edge.numpy() != place)
    wrong["graph"] = judged & (said.graph.numpy() != graph)
    if said.edge_type is not None:
        expected = np.where(judged, kind, -1)
        wrong["edge_type"] = (said.edge_type.numpy() != expected) & (real == judged)
    reverse = edge % 1 == REVERSED
    ends = {"source": source, "target": target}
    graphs = []
    wrong["target_row"] = np.full(len(edge), said.target_row != target_row)
    for which, tag in ends.items():
        row_of = target_row if which == "target" else 1 - target_row
        at, node = _look_up(tag, truths, lambda t, r=row_of: (t.bases[r], len(t.nodes[r])))
        own_graph, own, whole = _rows(truths, at, node, lambda t, r=row_of: t.nodes[r])
        # A pair of nodes of two graphs has no graph; a node that a model adds has no number. What
        # the nodes of added rows are is known by the other edges only, if there are any.
        known = (tag >= 0) & (own_graph == said.graph.numpy()) & bool(judged.any())
        known |= judged & (tag >= 0)
        seen = said.edge_index[row_of].numpy()
        wrong[which] = known & (getattr(said, f"own_{which}").numpy() != own)
        wrong[f"{which} offset"] = (
            known & ~reverse & (said.node_offset[row_of].numpy() != whole - own)
        )
        wrong[f"{which} in edge_index"] = known & (seen != whole)
        graphs.append(np.where(tag >= 0, own_graph, said.graph.numpy()))
    # An added edge may join two graphs: it is said to be of one of them.
    own_graph = (np.array(graphs) == said.graph.numpy()).any(0)
    wrong["graph of an added row"] = ~real & ~own_graph & bool(judged.any())
    return wrong


def _look_up(tag, truths, span) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the input and the row of every tag; the number of inputs where it is none's."""
    owner = np.full(len(tag), len(truths))
    row = np.zeros(len(tag), dtype=np.int64)
    for number, truth in enumerate(truths):
        first, size = span(truth)
        mine = (tag >= first) & (np.floor(tag) < first + size)
        owner[mine], row[mine] = number, np.floor(tag[mine]).astype(int) - first
    return owner, row


def _rows(truths, owner, row, table) -> NDArray[np.int64]:
    """Return the columns of each row's entry in the table of its input ``[3, E]``."""
    found = np.full((len(row), 3), -9)
    for number, truth in enumerate(truths):
        mine = owner == number
        found[mine] = table(truth)[row[mine]]
    return found.T
