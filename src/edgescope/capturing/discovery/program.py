"""What a trace says about attention, found out once for all runs that take the same way."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.edge_groups import in_groups
from edgescope.capturing.discovery.edge_softmax import Attention, find_attention
from edgescope.capturing.discovery.edges_in_pieces import PiecesAttention, find_in_pieces
from edgescope.capturing.discovery.fused_attention import read_fused
from edgescope.capturing.discovery.joined_rows import edges_alone
from edgescope.capturing.discovery.logits import add_logit
from edgescope.capturing.discovery.neighbour_tables import tables_of
from edgescope.capturing.discovery.pair_attention import PairAttention, find_pairs
from edgescope.capturing.discovery.pair_program import PairFound, read_pairs, tokens_of
from edgescope.capturing.discovery.recipes import Recipe
from edgescope.capturing.discovery.row_ends import Ends, EndsInTurn, ends_of
from edgescope.capturing.discovery.sparse_steps import written_out
from edgescope.capturing.discovery.table_attention import TableAttention, find_tables
from edgescope.capturing.discovery.table_program import read_table
from edgescope.capturing.discovery.table_values import TableEnds
from edgescope.capturing.discovery.trace import Trace

STAGES = ("score", "unbiased", "logit", "weight", "message")


class Found(NamedTuple):
    """One attention of a program: how the values of its stages and its rows are had."""

    kind: str
    recipes: dict[str, Recipe]
    ends: Ends | EndsInTurn | TableEnds
    shapes: dict[str, str]
    """Shape of each stage, such as ``[E, 2, 4]``."""
    as_noted: bool = True
    """Whether values have the numbers that they had when they were noted."""

    @property
    def form(self) -> tuple[str, ...]:
        """What tells it from another one in the same place: its kind and stages."""
        return (self.kind, *(stage for stage in STAGES if stage in self.recipes))


AnyAttention = Attention | PiecesAttention | PairAttention | TableAttention

Read = tuple[AnyAttention, Found | PairFound]
"""An attention, and how its values are had."""


def read(trace: Trace) -> tuple[Flow, list[Read]]:
    """Return every attention in a trace, in the order of its operations.

    The flow is of the trace with sparse matrices written out, of which the recipes hold.
    """
    noted, trace = trace, written_out(trace)
    flow = Flow(trace)
    result: list[Read] = []
    for found in find_attention(flow):
        each = in_groups(flow, edges_alone(flow, found))
        add_logit(flow, each)
        ends = ends_of(flow, each)
        shapes = {stage: _shape(recipe(trace)) for stage, recipe in each.recipes.items()}
        result.append((each, Found(each.kind, each.recipes, ends, shapes, trace is noted)))
    for several in find_in_pieces(flow):
        shapes = {stage: _shape(recipe(trace)) for stage, recipe in several.recipes.items()}
        as_noted = trace is noted
        result.append(
            (several, Found(several.kind, several.recipes, several.ends, shapes, as_noted))
        )
    result += _over_tables(flow)
    known = {step.number for each, _ in result for step in each.steps}
    for pairs in find_pairs(flow):
        if pairs.steps[0].number in known:
            continue  # tables of neighbours, each with one query
        fused = pairs.weight is None
        of_pairs = read_fused(trace, pairs) if fused else read_pairs(flow, pairs)
        if of_pairs is not None:
            result.append(
                (pairs, of_pairs._replace(tokens=tokens_of(flow, pairs), as_noted=trace is noted))
            )
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
