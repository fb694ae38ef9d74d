"""What a trace says about attention, found out once for all runs that take the same way."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from edgescope.capturing.discovery.dataflow import Flow, backward
from edgescope.capturing.discovery.edge_softmax import Attention, find_attention
from edgescope.capturing.discovery.fused_attention import read_fused
from edgescope.capturing.discovery.index_operations import Indexed, is_order, numbers_of
from edgescope.capturing.discovery.logits import add_logit
from edgescope.capturing.discovery.neighbour_tables import tables_of
from edgescope.capturing.discovery.pair_attention import PairAttention, find_pairs
from edgescope.capturing.discovery.pair_program import PairFound, read_pairs, tokens_of
from edgescope.capturing.discovery.recipes import Recipe
from edgescope.capturing.discovery.sparse_steps import written_out
from edgescope.capturing.discovery.table_attention import TableAttention, find_tables
from edgescope.capturing.discovery.table_program import read_table
from edgescope.capturing.discovery.table_values import TableEnds
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.edge_rows import EdgeRows
from edgescope.capturing.origin import Origins
from edgescope.lib.errors import InputError

STAGES = ("score", "unbiased", "logit", "weight", "message")


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


class Found(NamedTuple):
    """One attention of a program: how the values of its stages and its rows are had."""

    kind: str
    recipes: dict[str, Recipe]
    ends: Ends | TableEnds
    shapes: dict[str, str]
    """Shape of each stage, such as ``[E, 2, 4]``."""
    as_noted: bool = True
    """Whether values have the numbers that they had when they were noted."""

    @property
    def form(self) -> tuple[str, ...]:
        """What tells it from another one in the same place: its kind and stages."""
        return (self.kind, *(stage for stage in STAGES if stage in self.recipes))


Read = tuple[Attention | PairAttention | TableAttention, Found | PairFound]
"""An attention, and how its values are had."""


def read(trace: Trace) -> tuple[Flow, list[Read]]:
    """Return every attention in a trace, in the order of its operations.

    The flow is of the trace with sparse matrices written out, of which the recipes hold.
    """
    noted, trace = trace, written_out(trace)
    flow = Flow(trace)
    result: list[Read] = []
    for each in find_attention(flow):
        add_logit(flow, each)
        source = source_of(flow, each)
        target = each.target
        into = target.step.results[0]
        at = target.step.args[1] if isinstance(target.step.args[1], int) else 0
        ends = Ends(
            None if source is None else (source.by.number, source.dim),
            (target.by.number, target.dim),
            (
                None if source is None else (source.rows.number, _at(source)),
                (into.number, at % max(into.tensor.dim(), 1)),
            ),
        )
        shapes = {stage: _shape(recipe(trace)) for stage, recipe in each.recipes.items()}
        result.append((each, Found(each.kind, each.recipes, ends, shapes, trace is noted)))
    result += _over_tables(flow)
    known = {step.number for each, _ in result for step in each.steps}
    for pairs in find_pairs(flow):
        if pairs.steps[0].number in known:
            continue  # tables of neighbours, each with one query
        fused = pairs.weight is None
        of_pairs = read_fused(trace, pairs) if fused else read_pairs(flow, pairs)
        if of_pairs is not None:
            result.append((pairs, of_pairs._replace(tokens=tokens_of(flow, pairs))))
    result.sort(key=lambda each: each[0].steps[0].number)
    return flow, result


def _over_tables(flow: Flow) -> Iterator[Read]:
    """Give every attention over tables of neighbours."""
    for each in find_tables(flow, tables_of(flow)):
        stages = read_table(flow, each)
        if stages is None:
            continue
        kind = "softmax" if each.kind == "fused" else each.kind
        known = stages.ends.source is not None
        shapes = {s: _shape(recipe(flow.trace)) for s, recipe in stages.recipes.items() if known}
        recipes: dict[str, Recipe] = dict(stages.recipes)
        yield each, Found(kind, recipes, stages.ends, shapes)


def _shape(values: Tensor) -> str:
    return f"[E, {values.size(1)}, {values.size(2)}]"


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


def _others(flow: Flow, found: Attention) -> list[tuple[Tensor, Indexed]]:
    """Return every index, but that of the targets, by which what it computes with was gathered.

    Of several it is those that hold ends of the user's edges, as far as a pass follows these.
    """
    of_target = numbers_of(found.target.by, found.target.dim)
    before: set[int] = set()
    for value in (found.logit, found.positive, found.message):
        before.update({} if value is None else backward(value))
    others: list[tuple[Tensor, Indexed]] = []
    for each in flow.gathers[found.atom]:
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
