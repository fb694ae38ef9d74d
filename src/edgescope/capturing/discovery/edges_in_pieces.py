"""Attention to edges in pieces, whose sums go on from piece to piece.

Large graphs are worked on in pieces of their edges, each of which adds to the same sums over the
edges of a node. The softmax is over all of them, so that its values are those of every piece.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.edge_softmax import Attention, attention_of
from edgescope.capturing.discovery.index_operations import (
    SCATTERS,
    Indexed,
    has_same_numbers,
    is_sum,
    numbers_of,
)
from edgescope.capturing.discovery.logits import add_logit
from edgescope.capturing.discovery.powers import Kind, positives_of
from edgescope.capturing.discovery.quotients import divisors, meetings, times, upright
from edgescope.capturing.discovery.recipes import Divided, Layout, Recipe, Taken, layout
from edgescope.capturing.discovery.row_ends import EndsInTurn, ends_in_turn
from edgescope.capturing.discovery.shares import is_share
from edgescope.capturing.discovery.steps import KEEPS, Step, Value
from edgescope.capturing.discovery.trace import Trace


class InTurn(NamedTuple):
    """The values of a stage, piece after piece."""

    parts: tuple[Recipe, ...]

    def __call__(self, trace: Trace) -> Tensor:
        """Return the values ``[E, H, D]``."""
        return torch.cat([part(trace) for part in self.parts])


@dataclass
class PiecesAttention:
    """One attention to edges in pieces.

    Attributes:
        pieces: the attention to the edges of each piece.
        ends: where the ends of all rows are.
        recipes: how each stage is had.
    """

    pieces: list[Attention]
    ends: EndsInTurn
    recipes: dict[str, Recipe] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """How the weights come about."""
        return self.pieces[0].kind

    @property
    def steps(self) -> list[Step]:
        """The operations that belong to it."""
        found = {step.number: step for piece in self.pieces for step in piece.steps}
        return [found[number] for number in sorted(found)]

    @property
    def is_certain(self) -> bool:
        """Whether all that is by one index is so in every run, and not just by its numbers."""
        return all(piece.is_certain for piece in self.pieces)

    def values(self) -> dict[str, Value]:
        """Return the values that are a stage as they are: those of the first piece."""
        return self.pieces[0].values()


def find_in_pieces(flow: Flow) -> Iterator[PiecesAttention]:
    """Give every attention to edges in pieces."""
    chains = _chains(flow)
    positives = (
        [value for step in flow.trace.steps for value in positives_of(step)] if chains else []
    )
    for total in chains:
        own = [_positive(flow, each, positives) for each in total]
        if any(each is None for each in own):
            continue
        of_pieces = [each for each in own if each is not None]
        pieces = _divided_before(flow, total, of_pieces, chains)
        pieces = pieces or _divided_after(flow, total, of_pieces, chains)
        if not pieces or not _are_shares(flow, pieces, total):
            continue
        for each in pieces:
            add_logit(flow, each)
        ends = ends_in_turn(flow, pieces)
        if ends is not None:
            stages = [s for s in pieces[0].recipes if all(s in each.recipes for each in pieces)]
            recipes: dict[str, Recipe] = {
                stage: InTurn(tuple(each.recipes[stage] for each in pieces)) for stage in stages
            }
            yield PiecesAttention(pieces, ends, recipes)


def _chains(flow: Flow) -> list[list[Indexed]]:
    """Return the sums that go on from one to the next, each from its first to its last."""
    known = {each.step.number: each for sums in flow.scatters.values() for each in sums}
    before = {number: _goes_on_from(each.step) for number, each in known.items()}
    last = set(known) - {step.number for step in before.values() if step is not None}
    chains: list[list[Indexed]] = []
    for number in sorted(last):
        chain: list[Indexed] = []
        at: int | None = number
        while at is not None and at in known and is_sum(known[at].step):
            chain.insert(0, known[at])
            previous = before[at]
            at = None if previous is None else previous.number
        atoms = {flow.axes.roots(each.by.dims[each.dim]) for each in chain}
        if at is None and len(chain) > 1 and len(atoms) == len(chain):
            chains.append(chain)
    return chains


def _goes_on_from(step: Step) -> Step | None:
    """Return the operation by an index to whose sum another one adds."""
    into = step.args[0]
    while isinstance(into, Value) and into.step is not None:
        if into.step.name in SCATTERS:
            return into.step
        if into.step.name not in KEEPS:
            return None
        into = next(into.step.inputs())
    return None


def _atom(flow: Flow, found: Indexed) -> int:
    return flow.roots(flow.axes.roots(found.by.dims[found.dim]))[0]


def _positive(flow: Flow, total: Indexed, positives: Sequence[Value]) -> Value | None:
    """Return the exponential, or the like, that is summed in a piece."""
    atom = _atom(flow, total)
    for each in positives:
        if flow.has(each, atom) and total.rows.number in times(flow, each, atom):
            return each
    return None


def _divided_before(
    flow: Flow, total: list[Indexed], positives: list[Value], chains: list[list[Indexed]]
) -> list[Attention]:
    """Return the pieces of an attention whose weights are formed."""
    nodes = divisors(flow, total[-1].step.results[:1], None)
    pieces: list[Attention] = []
    for each, positive in zip(total, positives, strict=True):
        atom, weight = _atom(flow, each), None
        own = times(flow, positive, atom)
        for back in flow.gathers[atom]:
            if back.rows.number in nodes and has_same_numbers(back, each):
                inverted = nodes[back.rows.number][1]
                spread = divisors(flow, back.step.results[:1], atom, inverted)
                met = meetings(own, {n: value for n, (value, _) in spread.items()})
                weight = next((step.results[0] for step, _ in met), weight)
        if weight is None:
            return []
        message = _summed(flow, weight, each, chains)
        pieces.append(_piece(flow, each, positive, weight, message))
    return pieces


def _summed(
    flow: Flow, weight: Value, total: Indexed, chains: list[list[Indexed]]
) -> Indexed | None:
    """Return where what is weighed in a piece is summed."""
    own = times(flow, weight, _atom(flow, total))
    every = (each for chain in chains for each in chain if each.step is not total.step)
    return next((e for e in every if e.rows.number in own and has_same_numbers(e, total)), None)


def _piece(
    flow: Flow, total: Indexed, positive: Value, weight: Value | None, summed: Indexed | None
) -> Attention:
    return attention_of(flow, positive, total, weight, summed, _atom(flow, total), [total])


def _divided_after(
    flow: Flow, total: list[Indexed], positives: list[Value], chains: list[list[Indexed]]
) -> list[Attention]:
    """Return the pieces of an attention whose messages are divided once all are summed."""
    below = divisors(flow, total[-1].step.results[:1], None)
    for chain in chains:
        if chain is total or len(chain) != len(total):
            continue
        if not all(map(has_same_numbers, chain, total)):
            continue
        above = flow.onward(chain[-1].step.results[:1], lambda step, _: step.name in KEEPS)
        for _, by in meetings(above, {n: value for n, (value, _) in below.items()}):
            plain = upright(by) if below[by.number][1] else by
            pieces = [
                _late(flow, *each, plain)
                for each in zip(total, positives, chain, strict=True)
                if plain is not None
            ]
            if pieces and all("weight" in each.recipes for each in pieces):
                return pieces
    return []


def _late(
    flow: Flow, total: Indexed, positive: Value, summed: Indexed, below: Value | None
) -> Attention:
    found = _piece(flow, total, positive, None, summed)
    assert below is not None
    found.below = below
    own, of_message = (
        layout(flow, each.rows.dims, found.atom, found.heads) for each in (total, summed)
    )
    nodes = [root for root in flow.atoms(below) if root not in flow.atoms(total.rows)]
    at = layout(flow, below.dims, nodes[0], found.heads) if len(nodes) == 1 else None
    if own is not None and of_message is not None and at is not None:
        weight = Divided(_taken(total, own), below.number, at, total.by.number, total.dim)
        found.recipes["weight"] = weight
        found.recipes["message"] = weight._replace(above=_taken(summed, of_message))
    return found


def _taken(found: Indexed, arranged: Layout) -> Taken:
    return Taken(found.rows.number, arranged)


def _are_shares(flow: Flow, pieces: list[Attention], total: list[Indexed]) -> bool:
    """Return whether the weights of all pieces are shares of the edges of a node."""
    every = [layout(flow, e.rows.dims, p.atom, p.heads) for e, p in zip(total, pieces, strict=True)]
    if any(each is None for each in every) or not all("weight" in p.recipes for p in pieces):
        return False
    weight = torch.cat([piece.recipes["weight"](flow.trace) for piece in pieces])
    positive = [
        own.arrange(each.rows.now)
        for own, each in zip(every, total, strict=True)
        if own is not None
    ]
    node = torch.cat([numbers_of(each.by, each.dim) for each in total])
    return is_share(weight, torch.cat(positive), node)
