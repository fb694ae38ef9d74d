"""Where in a trace the two ends of every row of an attention along edges are."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from edgescope.capturing.discovery.dataflow import Flow, backward
from edgescope.capturing.discovery.edge_softmax import Attention
from edgescope.capturing.discovery.index_operations import Indexed, is_order, numbers_of
from edgescope.capturing.discovery.joined_rows import parts_of
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.edge_rows import EdgeRows
from edgescope.capturing.origin import Origins
from edgescope.lib.errors import InputError


class Ends(NamedTuple):
    """Where in a trace the ends of the rows are."""

    source: tuple[int, int] | None
    """Number of the index of sources, and its dimension; ``None`` if the rows have none."""
    target: tuple[int, int]
    nodes: tuple[tuple[int, int] | None, tuple[int, int] | None]
    """Value and dimension that say how many nodes there are."""

    def rows(self, trace: Trace) -> EdgeRows:
        """Return which rows they are.

        Raises:
            InputError: if the source of a row is not known.
        """
        target = numbers_of(trace.values[self.target[0]], self.target[1])
        source = None
        if self.source is not None:
            source = numbers_of(trace.values[self.source[0]], self.source[1])
        edge_index, row = _edge_index(source, target)
        sizes = tuple(
            None if each is None else trace.values[each[0]].tensor.size(each[1])
            for each in self.nodes
        )
        ends = (sizes[0], sizes[1]) if row == 1 else (sizes[1], sizes[0])
        return EdgeRows(edge_index, ends, target_row=row, pairs=True)


def _edge_index(source: Tensor | None, target: Tensor) -> tuple[Tensor, int]:
    """Return both ends as one tensor ``[2, E]``, the user's own if they are views of its rows."""
    base = target._base  # noqa: SLF001  (nothing public says)
    if base is not None and base.dim() == 2 and base.size(0) == 2:  # noqa: PLR2004  (both ends)
        for row in (1, 0):
            own = base.size(1) == target.numel() and _is_same(base[row], target)
            if own and (source is None or _is_same(base[1 - row], source)):
                return base, row
    if source is None:
        raise InputError(
            "only the node that attends is known of its rows, not the one attended to; pass "
            "edge_index as one tensor [2, E]"
        )
    return torch.stack([source, target]), 1


def _is_same(one: Tensor, other: Tensor) -> bool:
    return (
        one.shape == other.shape
        and one.data_ptr() == other.data_ptr()
        and one.stride() == other.stride()
    )


class EndsInTurn(NamedTuple):
    """Where the ends are of rows that were worked on part by part, as relation after relation."""

    source: tuple[tuple[int, int], ...]
    """Numbers of the indices of sources, and their dimensions, part by part."""
    target: tuple[tuple[int, int], ...]
    """The same of those of targets, which may be one."""
    nodes: tuple[tuple[int, int], tuple[int, int]]
    """Value and dimension that say how many nodes there are."""

    def rows(self, trace: Trace) -> EdgeRows:
        """Return which rows they are."""
        source, target = (
            torch.cat([numbers_of(trace.values[number], dim) for number, dim in parts])
            for parts in (self.source, self.target)
        )
        sizes = [trace.values[number].tensor.size(dim) for number, dim in self.nodes]
        return EdgeRows(torch.stack([source, target]), (sizes[0], sizes[1]), pairs=True)


def ends_of(flow: Flow, found: Attention) -> Ends | EndsInTurn:
    """Return where the ends of the rows of an attention are."""
    source, by, nodes = source_of(flow, found), _unspread(found.target), _into(found)
    if source is not None:
        known = (source.rows.number, _at(source))
        return Ends(_unspread(source), by, (known, nodes))
    several = _sources_in_turn(flow, found)
    return _in_turn(several, (by,), nodes) if several else Ends(None, by, (None, nodes))


SPREADS = frozenset({"expand", "view", "_unsafe_view", "unsqueeze", "alias"})
"""Operations that give an index ``[E]`` the dimensions of what it is used on."""


def _unspread(used: Indexed) -> tuple[int, int]:
    """Return number and dimension of an index as it was before it was spread, so early on."""
    value, dim = used.by, used.dim
    numbers = numbers_of(value, dim)
    found = value.number, dim
    while value.step is not None and value.step.name in SPREADS:
        value = next(value.step.inputs())
        if value.tensor.dim() == 1 and torch.equal(value.now, numbers):
            found = value.number, 0
    return found


def ends_in_turn(flow: Flow, pieces: Sequence[Attention]) -> EndsInTurn | None:
    """Return where the ends are of attention to edges in pieces; ``None`` if one is not known."""
    sources = [each for each in (source_of(flow, piece) for piece in pieces) if each is not None]
    nodes = {flow.axes.roots(each.rows.dims[_at(each)]) for each in sources}
    if len(sources) != len(pieces) or len(nodes) != 1:
        return None
    targets = tuple((piece.target.by.number, piece.target.dim) for piece in pieces)
    return _in_turn(sources, targets, _into(pieces[-1]))


def _in_turn(
    sources: Sequence[Indexed], targets: tuple[tuple[int, int], ...], nodes: tuple[int, int]
) -> EndsInTurn:
    known = (sources[0].rows.number, _at(sources[0]))
    return EndsInTurn(tuple((s.by.number, s.dim) for s in sources), targets, (known, nodes))


def _into(found: Attention) -> tuple[int, int]:
    """Return what rows are summed into, and its dimension of nodes."""
    args, into = found.target.step.args, found.target.step.results[0]
    at = args[1] if isinstance(args[1], int) else 0
    return into.number, at % max(into.tensor.dim(), 1)


def _sources_in_turn(flow: Flow, found: Attention) -> list[Indexed]:
    """Return the index of the nodes attended to of each part; none if one of them is open."""
    several: list[Indexed] = []
    for part in parts_of(flow, found):
        others = _others(flow, found, part.atom, part.by.now)
        if len(others) != 1:
            return []
        several.append(others[0][1])
    nodes = {flow.axes.roots(each.rows.dims[_at(each)]) for each in several}
    return several if len(nodes) == 1 else []


def _at(source: Indexed) -> int:
    """Return the dimension of what is gathered from that holds the nodes."""
    args = source.step.args
    if source.step.name in {"index", "_unsafe_index"}:
        return next(n for n, each in enumerate(args[1]) if each is not None)
    return args[1] % max(args[0].tensor.dim(), 1) if isinstance(args[1], int) else 0


def _is_followed(index: Tensor) -> bool:
    """Return whether an index holds ends of the user's edges, as far as a pass follows them."""
    for mode in _get_current_dispatch_mode_stack():
        if isinstance(mode, Origins):
            return mode.codes(index) is not None
    return True


def source_of(flow: Flow, found: Attention) -> Indexed | None:
    """Return the index of the nodes that are attended to, if just one other index is used.

    ``None`` also if there are several, as none of them is known to be it.
    """
    others = [each for _, each in _others(flow, found)]
    return others[0] if len(others) == 1 else None


def without_ends(flow: Flow, found: Attention) -> str:
    """Say why it is not known which node each row of an attention is attended to at."""
    others = _others(flow, found)
    if not others and found.atom in flow.nodes():
        return "read-out: its rows are nodes, and are summed into graphs; no edge is attended to"
    if len(others) > 1:
        return f"which of the {len(others)} nodes of each of its rows is attended to is open"
    return "which node each of its rows is attended to at cannot be told"


def _others(
    flow: Flow, found: Attention, atom: int | None = None, by: Tensor | None = None
) -> list[tuple[Tensor, Indexed]]:
    """Return every index, but that of the targets, by which what it computes with was gathered.

    Of several it is those that hold ends of the user's edges, as far as a pass follows these.

    Args:
        flow: the trace.
        found: the attention.
        atom: what the rows are; a part of those of the attention, or by default all of them.
        by: the targets of that part.
    """
    of_target = numbers_of(found.target.by, found.target.dim) if by is None else by
    before: set[int] = set()
    for value in (found.logit, found.positive, found.message):
        before.update({} if value is None else backward(value))
    others: list[tuple[Tensor, Indexed]] = []
    for each in flow.gathers[found.atom if atom is None else atom]:
        if each.step.results[0].number not in before or not each.rows.tensor.is_floating_point():
            continue
        if is_order(each.by):
            continue  # rows of edges, in another order
        numbers = numbers_of(each.by, each.dim)
        if torch.equal(numbers, of_target):
            continue
        if not any(torch.equal(numbers, known) for known, _ in others):
            others.append((numbers, each))
    if len(others) > 1:
        others = [(numbers, each) for numbers, each in others if _is_followed(numbers)]
    return others
