"""Which edge of the input every column of a layer's edges is, and whether that is certain."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.edge_match import is_start
from edgescope.capturing.graph_input import InputEdges, memory_of, version
from edgescope.capturing.origin import SHARED, Origins
from edgescope.lib.errors import InputError


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
    turned: Tensor | None = None
    """Which columns hold source and target exchanged ``[K]``; ``None`` if none does."""


class _Found(NamedTuple):
    """Columns that were found in this call of the model, and what they were found by."""

    layer: object
    place: object
    own: Tensor
    codes: Tensor | None
    joins: object
    column: Column


class Columns:
    """Where the columns of every layer's edges come from, in one call of a model.

    Layers that are given the same edges, or each a copy of its own, are answered alike and once.

    Args:
        inputs: what the model was given.
        origins: follows the inputs' edges through the call.
    """

    def __init__(self, inputs: Sequence[InputEdges], origins: Origins) -> None:
        self._inputs = inputs
        self._origins = origins
        self._found: list[_Found] = []

    def find(self, own: Tensor, layer: object, pick: Callable[[Sequence[int]], int]) -> Column:
        """Return which edge of which input every column of a layer's edges is.

        Args:
            own: source and target of the edges that the layer was given ``[2, K]``.
            layer: what tells apart layers that are given the same tensor.
            pick: chooses among inputs that are the same tensor.

        Raises:
            InputError: if it is not certain.
            NotFollowed: if it would need a pass that is followed.
        """
        alike = [each for each in self._found if each.layer == layer]
        place = self._origins.place(own)
        for found in alike:
            if found.place == place and torch.equal(found.own, own):
                given = self._inputs[found.column.input]
                if not found.column.as_given or not is_rewritten(given, self._origins):
                    return found.column
        codes = self._codes(own)
        joins = (self._origins.doubled, self._origins.joined, self._origins.joined_others)
        # The same numbers that came from the same places say the same, whichever tensor holds them.
        for found in alike:
            if found.codes is None or codes is None or found.joins != joins:
                continue
            if torch.equal(found.codes, codes) and torch.equal(found.own, own):
                return found.column
        column = find_columns(own, self._inputs, self._origins, pick)
        codes = None if column.as_given or codes is None else codes.clone()
        self._found.append(_Found(layer, place, own.clone(), codes, joins, column))
        return column

    def _codes(self, own: Tensor) -> Tensor | None:
        """Return the codes of edges that were followed and are no input itself."""
        views = any(is_start(own, edges.edge_index) for edges in self._inputs)
        if views or not own.size(1) or not self._origins.followed:
            return None
        if any(self._origins.unseen_writes(edges) for edges in self._inputs):
            return None
        return self._origins.codes(own)


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
    views = [n for n, edges in enumerate(inputs) if is_start(own, edges.edge_index)]
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
    turned = known & (end[0] == 1)
    exchanged = turned if bool(turned.any()) else None
    return Column(which, column[0].where(known, -1), as_given=False, turned=exchanged)


def _only(inputs: Sequence[InputEdges]) -> int:
    if len(inputs) > 1:
        raise InputError("it was given no edge of any of the inputs of the model")
    return 0
