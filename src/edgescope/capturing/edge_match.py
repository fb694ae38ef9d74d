"""Which edge of the input each edge that a layer saw is."""

import torch
from torch import Tensor

from edgescope.capturing.graph_input import memory_of
from edgescope.lib.errors import InputError


def match_edges(
    seen: Tensor, given: Tensor, *, square: bool = True, replaces_loops: bool = False
) -> Tensor:
    """Return the position in ``given`` of every edge of ``seen`` ``[E]``; -1 for added loops.

    Most layers see the edges as they were given, perhaps without the self-loops, perhaps with
    self-loops appended. Otherwise the k-th occurrence of a source and target in ``seen`` is the
    k-th occurrence in ``given``, provided that this is certain: every edge must be there, in the
    order in which it was given, and none of several edges between the same nodes may have been
    left out. In another order they could be the edges of nodes that were renumbered, or edges
    with source and target exchanged. A self-loop of the input is certain if ``seen`` is a view of
    ``given``, or if it has more loops at that node; else it could be a new one.

    What numbers cannot show is taken to be so: edges between the same nodes keep their order.

    Args:
        seen: source and target of the edges in a layer ``[2, E]``.
        given: source and target of the edges of the input ``[2, M]``.
        square: whether sources and targets are the same nodes, so that an edge from a number to
            itself is a self-loop.
        replaces_loops: whether the layer removes all edges from a number to itself and adds its
            own.

    Raises:
        InputError: if it is not certain which edge is which; the message says why.
    """
    everything = torch.arange(given.size(1), device=given.device)
    if not replaces_loops and is_start(seen, given):
        return everything[: seen.size(1)]
    candidates, rows = everything, torch.ones_like(seen[0], dtype=torch.bool)
    if replaces_loops:
        candidates, rows = (given[0] != given[1]).nonzero().squeeze(1), seen[0] != seen[1]
        given = given[:, candidates]
    position = torch.full_like(seen[0], -1, dtype=torch.int64)
    size = candidates.numel()
    loops = seen[0] == seen[1] if square or replaces_loops else torch.zeros_like(rows)
    if seen.size(1) >= size and torch.equal(seen[:, :size], given) and bool(loops[size:].all()):
        position[:size] = candidates
    else:
        found = _match_occurrences(seen[:, rows], given, loops[rows])
        position[rows] = torch.cat([candidates, candidates.new_tensor([-1])])[found]
    if square and not replaces_loops:
        _refuse_uncertain_loops(seen, given)
    return position


def is_start(seen: Tensor, given: Tensor) -> bool:
    """Return whether ``seen`` is a view of the first edges of ``given``, or of all of them.

    As :func:`torch_geometric.utils.trim_to_layer` makes it for the outer layers of a sampled
    neighbourhood.
    """
    return (
        memory_of(seen) == memory_of(given)
        and seen.storage_offset() == given.storage_offset()
        and seen.dim() == given.dim()
        and seen.size(0) == given.size(0)
        and seen.size(1) <= given.size(1)
        and seen.stride() == given.stride()
        and seen.dtype == given.dtype
    )


def _refuse_uncertain_loops(seen: Tensor, given: Tensor) -> None:
    """Raise if a self-loop of ``seen`` may be one of ``given`` or a new one in its place.

    PyG's functions remove loops, put one new loop per node in their place, keep them and add the
    missing ones, or add one per node to those there are. Only the last leaves more of them.
    """
    old, new = (edges[0, edges[0] == edges[1]] for edges in (given, seen))
    if not old.numel() or not new.numel():
        return
    size = int(torch.cat([old, new]).max()) + 1
    count_old, count_new = old.bincount(minlength=size), new.bincount(minlength=size)
    uncertain = (count_new > 0) & (count_new <= count_old)
    if bool(uncertain.any()):
        raise InputError(
            f"it saw a copy of the edges, and whether the self-loop of node "
            f"{int(uncertain.nonzero()[0])} there is the one given or a new one in its place "
            "cannot be told; add or remove self-loops before the model is called"
        )


def _match_occurrences(seen: Tensor, given: Tensor, loops: Tensor) -> Tensor:
    """Match by the k-th occurrence of source and target, or raise if that is not certain.

    Returns:
        The position in ``given`` of every edge of ``seen`` ``[E]``; -1 for an added self-loop.
    """
    edges, key = torch.unique(torch.cat([seen, given], dim=1), dim=1, return_inverse=True)
    key_seen, key_given = key[: seen.size(1)], key[seen.size(1) :]
    count_seen = key_seen.bincount(minlength=edges.size(1))
    count_given = key_given.bincount(minlength=edges.size(1))
    loop = edges[0] == edges[1] if bool(loops.any()) else torch.zeros_like(count_seen).bool()
    extra = (count_seen > count_given) & ~loop
    if bool(extra.any()):
        source, target = edges[:, extra.nonzero()[0]].flatten().tolist()
        raise InputError(
            f"it saw an edge from {source} to {target} that was not given to the model"
        )
    several = count_given > 1
    partly = several & (count_seen > 0) & (count_seen < count_given)
    if bool(partly.any()):
        source, target = edges[:, partly.nonzero()[0]].flatten().tolist()
        raise InputError(
            f"of several edges from {source} to {target} it saw only some, and which ones cannot "
            "be told"
        )
    position = _look_up(key_seen, key_given)
    found = position[position >= 0]
    if bool((found.diff() < 0).any()):
        raise InputError(
            "it saw the edges in another order than they were given, so nodes may have been "
            "renumbered or directions exchanged; order the edges before the model is called"
        )
    return position


def _look_up(key_seen: Tensor, key_given: Tensor) -> Tensor:
    """Return where the k-th occurrence of every key is among those given ``[E]``, or -1."""
    if not len(key_given):
        return torch.full_like(key_seen, -1)
    # The pair (key, occurrence) is unique on both sides; number the pairs to look them up.
    span = len(key_seen) + len(key_given)
    wanted = key_seen * span + _occurrence(key_seen)
    there, order = (key_given * span + _occurrence(key_given)).sort()
    found = torch.searchsorted(there, wanted).clamp(max=len(there) - 1)
    return order[found].where(there[found] == wanted, -1)


def _occurrence(key: Tensor) -> Tensor:
    """Return how many equal keys come before each key ``[E]``."""
    ordered, order = key.sort(stable=True)
    place = torch.arange(len(key), device=key.device)
    is_first = torch.ones_like(place, dtype=torch.bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    first = place.where(is_first, 0).cummax(0).values if len(key) else place
    occurrence = torch.empty_like(place)
    occurrence[order] = place - first
    return occurrence
