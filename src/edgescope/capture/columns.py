"""Which edge of the input every column of a layer's edges is, and whether that is certain."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.capture.graph_input import InputEdges, memory_of, version
from edgescope.capture.origin import SHARED, Origins
from edgescope.capture.rows import EdgeRows
from edgescope.errors import InputError


class NotFollowed(Exception):  # noqa: N818  (no error: what is asked for starts again)
    """A layer was given a copy of the edges in a pass whose operations were not followed."""


class Column(NamedTuple):
    """Where the columns ``[2, K]`` of a layer's edges come from."""

    input: int
    """Number of the input."""
    position: Tensor
    """Which edge of that input a column is ``[K]``; -1 if it is none."""
    as_given: bool
    """Whether it is the input itself, or a view of it, that was not written to."""
    certain: bool = True
    """Whether the input is known; without any column, there may be several."""


def find_columns(
    own: Tensor,
    inputs: Sequence[InputEdges],
    origins: Origins,
    pick: Callable[[Sequence[int]], int],
) -> Column:
    """Find out which edge of which input every column of ``own`` is.

    Args:
        own: source and target of the edges that a layer was given ``[2, K]``.
        inputs: what the model was given.
        origins: has followed the inputs' edges through the pass.
        pick: chooses among inputs that are the same tensor.

    Raises:
        InputError: if it is not certain.
        NotFollowed: if it would need a pass that is followed.
    """
    views = [n for n, edges in enumerate(inputs) if _is(own, edges.edge_index)]
    if views and not is_rewritten(inputs[views[0]], origins):
        number = views[0] if len(views) == 1 else pick(views)
        return Column(number, torch.arange(own.size(1), device=own.device), as_given=True)
    if not own.size(1):
        certain = len(views or inputs) == 1
        return Column(_pick_empty(inputs, views, pick), own.new_empty(0), True, certain)
    origins.asked = True
    codes = origins.codes(own)
    untouched = not any(is_rewritten(edges, origins) for edges in inputs)
    if not origins.followed and not (untouched and codes is not None):
        raise NotFollowed
    if codes is None:
        raise InputError(
            "it was given edges that do not come from those given to the model by moving them, "
            "such as by indexing, sorting or joining: nodes were renumbered on the way, or the "
            "edges were computed anew; vouch for them with trust= if their numbers are the same"
        )
    column = _decode(own, codes, inputs, origins)
    if origins.unseen_writes(inputs[column.input]):
        raise InputError("its edges were written to in a way that could not be followed")
    return column


def _pick_empty(
    inputs: Sequence[InputEdges], views: Sequence[int], pick: Callable[[Sequence[int]], int]
) -> int:
    """Return the input of a layer without edges, of which there is nothing to confuse."""
    found = views or range(len(inputs))
    if len(inputs) > 1 and any(edges.relation is not None for edges in inputs):
        return pick(found) if len(found) > 1 else found[0]
    return found[0]


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
    _refuse_merged(seen[:, ~added], position[~added], given.snapshot, origins.doubled)
    return position


def check_sizes_of_nodes(rows: EdgeRows, given: InputEdges) -> None:
    """Refuse a copy of edges in a layer with fewer nodes than the input has.

    Nodes may have been left out, so that the numbers are those of others.

    Raises:
        InputError: if the numbers are known and smaller.
    """
    for what, here, nodes in zip(("source", "target"), rows.num_nodes, given.nodes, strict=True):
        if here is not None and nodes.size is not None and here < nodes.size:
            raise InputError(
                f"it works on {here} {what} nodes, the model was given {nodes.size}, so nodes were "
                "renumbered on the way"
            )


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
        _refuse_merged(rows, position, given.snapshot, origins.doubled)
    return torch.cat([position, position.new_full((loops.size(1),), -1)])


def _is(own: Tensor, given: Tensor) -> bool:
    """Return whether a tensor is the first columns of another, or all of them, in its memory."""
    return (
        memory_of(own) == memory_of(given)
        and own.storage_offset() == given.storage_offset()
        and own.dim() == given.dim()
        and own.size(0) == given.size(0)
        and own.size(1) <= given.size(1)
        and own.stride() == given.stride()
        and own.dtype == given.dtype
    )


def is_rewritten(given: InputEdges, origins: Origins) -> bool:
    """Return whether the user's tensor was written to since the pass began."""
    edges = given.edge_index
    return (
        memory_of(edges) != given.memory
        or version(edges) != given.version
        or origins.written(edges)
        or not torch.equal(edges, given.snapshot)
    )


def _decode(own: Tensor, codes: Tensor, inputs: Sequence[InputEdges], origins: Origins) -> Column:
    """Return what the codes ``[2, K]`` of a layer's edges say."""
    if bool((codes == SHARED).any()):
        raise InputError(
            "two inputs of the model share the memory of their edges, and which of them it was "
            "given cannot be told; give each its own copy"
        )
    sizes = torch.tensor(origins.sizes, device=codes.device)
    ends = sizes.cumsum(0)
    number = torch.searchsorted(ends, codes.clamp(min=0).contiguous(), right=True)
    held = codes >= 0
    if bool((held[0] != held[1]).any()):
        raise InputError("one end of an edge was exchanged for another node on the way")
    known = held[0]
    there = number[:, known].flatten().bincount().nonzero().flatten().tolist()
    if len(there) > 1:
        names = ", ".join(inputs[n].name or " ".join(inputs[n].relation or ()) for n in there)
        raise InputError(f"it works on edges of several inputs at once, {names}")
    which = there[0] if there else _only(inputs)
    given = inputs[which]
    local = codes - (ends - sizes)[which]
    size = max(given.snapshot.size(1), 1)
    column, end = local % size, local // size
    paired = (column[0] == column[1]) & (end[0] != end[1])
    if not bool((paired | ~known).all()):
        raise InputError("it pairs ends of different edges of the input")
    there_now = own[:, known]
    if not torch.equal(given.snapshot.flatten()[local[:, known]].to(own.dtype), there_now):
        raise InputError("its edges were written to in a way that could not be followed")
    return Column(which, column[0].where(known, -1), as_given=False)


def _only(inputs: Sequence[InputEdges]) -> int:
    if len(inputs) > 1:
        raise InputError("it was given no edge of any of the inputs of the model")
    return 0


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
    if not torch.equal(seen, given[:, position].to(seen.dtype)):
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
    if bool(lost.any()) and not bool(together.any()):
        pair = int(pairs[lost.nonzero()[0, 0]])
        raise InputError(
            f"of several edges from {pair // span} to {pair % span} it saw only some, and whether "
            "the others were left out or merged with them cannot be told; merge them before the "
            "model is called"
        )
