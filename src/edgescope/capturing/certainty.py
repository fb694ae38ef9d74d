"""Whether it is certain which edge every row of a layer is, once its columns were found."""

import torch
from torch import Tensor

from edgescope.capturing.edge_columns import Column
from edgescope.capturing.edge_rows import EdgeRows
from edgescope.capturing.graph_input import InputEdges
from edgescope.capturing.origin import Origins
from edgescope.lib.errors import InputError


def check_columns(
    seen: Tensor,
    column: Column,
    given: InputEdges,
    origins: Origins,
    real: Tensor | None = None,
) -> Tensor:
    """Return the position of every row ``[E]``, -1 for added ones, if it is certain.

    A row that is no edge of the input must be a self-loop or join one of the user's nodes with one
    that the model has appended, such as a virtual node, unless the layer is told which rows are
    edges. Rows may have been left out, but not where they may have been merged into others.

    Args:
        seen: source and target of the rows ``[2, E]``.
        column: where they come from.
        given: the input.
        origins: has followed its edges.
        real: which rows the layer takes as edges ``[E]``, if it is told.

    Raises:
        InputError: if it is not certain; the message says why.
    """
    position = column.position
    if real is not None:
        real = real.view(-1) != 0
        if bool((real & (position < 0)).any()):
            raise InputError("it takes as an edge what was not given to the model as one")
        return position.where(real, -1)
    if column.as_given:
        return position
    added = position < 0
    loops = seen[0] == seen[1]
    known = loops | _joins_appended(seen, given) if given.square else torch.zeros_like(loops)
    _refuse_strange(seen, added & ~known)
    _refuse_replaced_loops(seen, position, given)
    _refuse_merged_with_new(seen, position, origins)
    _refuse_merged(seen[:, ~added], position[~added], given.snapshot, origins.doubled)
    return position


def check_sizes_of_nodes(rows: EdgeRows, given: InputEdges, *, turned: bool = False) -> None:
    """Refuse a copy of edges in a layer with fewer nodes than the input has.

    Nodes may have been left out, so that the numbers are those of others.

    Args:
        rows: the rows.
        given: the input.
        turned: whether their ends are exchanged.

    Raises:
        InputError: if the numbers are known and smaller.
    """
    ends = given.nodes[::-1] if turned else given.nodes
    for what, here, nodes in zip(("source", "target"), rows.num_nodes, ends, strict=True):
        if here is not None and nodes.size is not None and here < nodes.size:
            raise InputError(
                f"it works on {here} {what} nodes, the model was given {nodes.size}, so nodes were "
                "renumbered on the way"
            )


def check_two_sets(rows: EdgeRows, given: InputEdges) -> None:
    """Refuse rows to hyperedges in a batch that numbers these as nodes.

    They may be numbered so, one for each node; then there are as many of them.

    Raises:
        InputError: if there are not, and the batch holds several graphs.
    """
    nodes, hyperedges = rows.num_nodes
    if given.square and nodes != hyperedges and any(each.tells_graphs for each in given.nodes):
        raise InputError(
            f"its rows lead from {nodes} nodes to {hyperedges} hyperedges, and the batch says of "
            "nodes alone which graph they are of; pass a batch of PyG's HyperGraphData whole, or "
            "one graph at a time"
        )


def is_turned(column: Column, given: InputEdges) -> bool:
    """Return whether all columns that are edges of the input hold their ends exchanged.

    Raises:
        InputError: if some do and others do not, though the ends are nodes of two sets.
    """
    if column.turned is None:
        return False
    every = bool(column.turned[column.position >= 0].all())
    if not every and not given.square:
        raise InputError("it was given edges between two sets of nodes in both directions at once")
    return every


def check_replaced_loops(
    seen: Tensor, own: Tensor, column: Column, given: InputEdges, origins: Origins
) -> Tensor:
    """Return the position of the rows of a layer that drops loops and appends its own ``[E]``.

    Args:
        seen: source and target of the rows ``[2, E]``.
        own: the edges that the layer was called with ``[2, K]``.
        column: where these come from.
        given: the input.
        origins: has followed its edges.

    Raises:
        InputError: if it is not certain, or the layer did something else.
    """
    kept = own[0] != own[1]
    position, others = column.position[kept], own[:, kept]
    rows, loops = seen[:, : position.numel()], seen[:, position.numel() :]
    if not (torch.equal(rows, others) and torch.equal(loops[0], loops[1])):
        raise InputError(
            "it was expected to drop the self-loops of its edges and to append its own, and did "
            "something else"
        )
    if not column.as_given:
        _refuse_strange(rows, position < 0)
        _refuse_merged_with_new(rows, position, origins)
        _refuse_merged(rows, position, given.snapshot, origins.doubled)
    return torch.cat([position, position.new_full((loops.size(1),), -1)])


def _joins_appended(seen: Tensor, given: InputEdges) -> Tensor:
    """Return which rows join a node of the input with one that was appended ``[E]``, boolean."""
    size = given.nodes[0].size
    if size is None:
        return torch.zeros_like(seen[0], dtype=torch.bool)
    own = seen < size
    return own[0] != own[1]


def _refuse_strange(seen: Tensor, strange: Tensor) -> None:
    """Raise if some of the rows ``[2, E]`` are no edge of the input and cannot be added loops."""
    if bool(strange.any()):
        source, target = seen[:, strange.nonzero()[0]].flatten().tolist()
        raise InputError(
            f"it saw an edge from {source} to {target} that was not given to the model"
        )


def _refuse_replaced_loops(seen: Tensor, position: Tensor, given: InputEdges) -> None:
    """Raise if an added self-loop may stand in for one of the input, or be one.

    PyG's ``add_remaining_self_loops`` puts a new loop with the features of the one given in its
    place; and a loop whose node was renumbered looks like a new one.
    """
    if not given.square:
        return
    new = seen[:, position < 0]
    new = new[0, new[0] == new[1]]
    loops = (given.snapshot[0] == given.snapshot[1]).nonzero().squeeze(1)
    lost = loops[~torch.isin(loops, position)]
    if new.numel() and lost.numel():
        nodes = given.snapshot[0, lost]
        here = new[torch.isin(new, nodes)]
        node = int(here[0]) if here.numel() else int(new[0])
        raise InputError(
            f"whether its self-loop of node {node} is one of those given or a new one in its place "
            "cannot be told; add or remove self-loops before the model is called"
        )


def _refuse_merged_with_new(seen: Tensor, position: Tensor, origins: Origins) -> None:
    """Raise if edges of the input may have been merged with others that were joined to them."""
    if not origins.joined:
        return
    loops, new = seen[0] == seen[1], position < 0
    kept = seen[0, loops & ~new]
    alone = kept[~torch.isin(kept, seen[0, loops & new])]
    if alone.numel() or (origins.joined_others and not bool((new & ~loops).any())):
        raise InputError(
            "edges were joined with others on the way, and whether some were merged with them then "
            "cannot be told; join them before the model is called"
        )


def _refuse_merged(seen: Tensor, position: Tensor, given: Tensor, doubled: bool) -> None:
    """Raise if edges between the same nodes may have been merged into one.

    What is left after merging looks like one of them. It cannot have been if some that could
    have been merged are still there side by side.

    Args:
        seen: the rows that are edges of the input ``[2, E]``.
        position: which edges they are ``[E]``.
        given: the edges of the input ``[2, M]``.
        doubled: whether edges were joined with others, or with themselves reversed, on the way.
    """
    pool = torch.cat([given, given.flip(0)], 1) if doubled else given
    if not pool.size(1):
        return
    turned = not torch.equal(seen, given[:, position].to(seen.dtype))
    if turned:
        # Ends were exchanged, of which edges that are gone cannot be told: either way may do.
        pool, seen = (torch.stack([each.amin(0), each.amax(0)]) for each in (pool, seen))
    span = int(pool.max()) + 1
    keys = torch.cat([pool[0] * span + pool[1], seen[0] * span + seen[1]])
    pairs, group = torch.unique(keys, return_inverse=True)
    there, left = (
        group[part].bincount(minlength=len(pairs))
        for part in (slice(pool.size(1)), slice(pool.size(1), None))
    )
    lost = (left > 0) & (left < there)
    together = (there > 1) & (left >= there)
    # With ends exchanged, those side by side may be an edge and its reverse, merged or not.
    if bool(lost.any()) and (doubled or turned or not bool(together.any())):
        pair = int(pairs[lost.nonzero()[0, 0]])
        raise InputError(
            f"of several edges from {pair // span} to {pair % span} it saw only some, and whether "
            "the others were left out or merged with them cannot be told; merge them before the "
            "model is called"
        )
