"""Which edge of the input each edge that a layer saw is."""

import torch
from torch import Tensor

from edgescope.errors import InputError


def match_edges(
    seen: Tensor, given: Tensor, *, square: bool = True, replaces_loops: bool = False
) -> Tensor:
    """Return the position in ``given`` of every edge of ``seen`` ``[E]``; -1 for added loops.

    Most layers see the edges as they were given, perhaps without the self-loops, perhaps with
    self-loops appended. Otherwise the k-th occurrence of a source and target in ``seen`` is the
    k-th occurrence in ``given``, provided that this is certain: every edge must be there, none of
    several edges between the same nodes may have been left out, and if the order changed, no two
    edges may share their source and target and no self-loop may be among them, as it could
    be an old one that was moved or a new one.

    Args:
        seen: source and target of the edges in a layer ``[2, E]``.
        given: source and target of the edges of the input ``[2, M]``.
        square: whether sources and targets are the same nodes, so that an edge from a number to
            itself is a self-loop.
        replaces_loops: whether the layer removes all self-loops and adds its own.

    Raises:
        InputError: if it is not certain which edge is which; the message says why.
    """
    loops = seen[0] == seen[1] if square else torch.zeros_like(seen[0], dtype=torch.bool)
    if replaces_loops:
        candidates = (given[0] != given[1]).nonzero().squeeze(1)
    else:
        candidates = torch.arange(given.size(1), device=given.device)
    size = candidates.numel()
    started_alike = seen.size(1) >= size and torch.equal(
        seen[:, :size], given if size == given.size(1) else given[:, candidates]
    )
    if started_alike and bool(loops[size:].all()):
        return torch.cat([candidates, candidates.new_full((seen.size(1) - size,), -1)])
    position = torch.full_like(seen[0], -1)
    rows = (~loops).nonzero().squeeze(1) if replaces_loops else torch.arange(len(seen[0]))
    rows = rows.to(seen.device)
    position[rows] = _match_occurrences(
        seen[:, rows], given[:, candidates], loops[rows], candidates
    )
    return position


def _match_occurrences(seen: Tensor, given: Tensor, loops: Tensor, candidates: Tensor) -> Tensor:
    """Match by the k-th occurrence of source and target, or raise if that is not certain."""
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
    # The pair (key, occurrence) is unique on both sides; number the pairs to look them up.
    span = int(torch.stack([count_seen, count_given]).max()) + 1
    wanted = key_seen * span + _occurrence(key_seen)
    there, order = (key_given * span + _occurrence(key_given)).sort()
    found = torch.searchsorted(there, wanted).clamp(max=max(len(there) - 1, 0))
    hit = there[found] == wanted if len(there) else torch.zeros_like(wanted).bool()
    position = torch.full_like(wanted, -1)
    position[hit] = candidates[order[found[hit]]]
    moved = position[hit]
    uncertain = (several | loop)[key_seen[hit]]
    if bool((moved.diff() < 0).any()) and bool(uncertain.any()):
        source, target = seen[:, hit][:, uncertain.nonzero()[0]].flatten().tolist()
        raise InputError(
            f"it saw the edges in another order, and which one is the edge from {source} to "
            f"{target} cannot be told"
        )
    return position


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
