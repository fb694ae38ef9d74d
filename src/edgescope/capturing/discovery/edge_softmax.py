"""Attention along edges, recognised by what is computed with it and not by what it is called.

What enters an exponential, whose result is divided by its own sum over the edges of a node, is a
logit, and the quotient a weight, however that is written: with or without a maximum taken off
first, by logarithms, or with the division after the aggregation. That the numbers are what the
structure says is checked: within every node the quotient is a constant times the exponential, and
sums to one or less.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.gates import GATES, NARROW, as_multiplied, gated
from edgescope.capturing.discovery.index_operations import (
    Indexed,
    has_same_numbers,
    is_average,
    is_sum,
    numbers_of,
    origin,
)
from edgescope.capturing.discovery.powers import Kind, kind_of, logit_of, positives_of
from edgescope.capturing.discovery.quotients import (
    EXPONENTIALS,
    Quotient,
    by_logarithms,
    divided_after,
    divided_before,
    times,
)
from edgescope.capturing.discovery.recipes import Divided, Layout, Recipe, Taken, layout
from edgescope.capturing.discovery.shares import is_share
from edgescope.capturing.discovery.steps import Step, Value


@dataclass
class Attention:
    """One attention along edges.

    Attributes:
        kind: how the weights come about.
        atom: what the rows are.
        target: the index by which it is summed.
        logit: what the exponential or the gate is taken of; ``None`` if they are several.
        positive: its result.
        heads: atoms of the weights beside the rows.
        weight: the weights; ``None`` if they are never formed.
        below: what the sum of messages is divided by, if only that is divided.
        message: what is summed.
        steps: the operations that belong to it.
        indices: all that has to be by one index.
        recipes: how each stage is had.
        score: what is summed over channels into the logit.
    """

    kind: Kind
    atom: int
    target: Indexed
    logit: Value | None
    positive: Value
    heads: frozenset[int]
    weight: Value | None
    below: Value | None = None
    message: Value | None = None
    steps: list[Step] = field(default_factory=list)
    indices: list[Indexed] = field(default_factory=list)
    recipes: dict[str, Recipe] = field(default_factory=dict)
    score: Value | None = None

    def take(self, stage: str, value: Value, arranged: Layout | None) -> None:
        """Note that a stage is a value, if it is known how it becomes ``[E, H, D]``."""
        if arranged is not None:
            self.recipes[stage] = Taken(value.number, arranged)

    @property
    def is_certain(self) -> bool:
        """Whether all that is by one index is so in every run, and not just by its numbers."""
        of_target = origin(self.target.by)
        return all(origin(each.by) == of_target for each in self.indices)

    def values(self) -> dict[str, Value]:
        """Return the values that are a stage as they are, or become it."""
        weight = self.positive if self.weight is None else self.weight
        all_of = {
            "score": self.score,
            "logit": self.logit,
            "weight": weight,
            "message": self.message,
        }
        return {stage: value for stage, value in all_of.items() if value is not None}


def find_attention(flow: Flow) -> Iterator[Attention]:
    """Give every attention along the edges of a trace, in the order of its operations."""
    taken: set[int] = set()
    for step in flow.trace.steps:
        for positive in positives_of(step):
            for atom in dict.fromkeys(flow.atoms(positive)):
                alone = atom in flow.scatters and flow.has(positive, atom)
                if alone and positive.number not in taken:
                    found = _find(flow, positive, atom)
                    if found is not None:
                        taken.add(positive.number)
                        yield found


def _find(flow: Flow, positive: Value, atom: int) -> Attention | None:
    step = positive.step
    assert step is not None
    sums = flow.scatters[atom]
    for each in divided_before(flow, positive, sums, atom):
        found = _before(flow, positive, each, atom)
        if found is not None:
            return found
    if step.name in EXPONENTIALS:
        for each in by_logarithms(flow, positive, atom):
            found = _before(flow, positive, each, atom)
            if found is not None:
                return found
    for each in divided_after(flow, positive, sums, atom):
        found = _after(flow, positive, each, atom)
        if found is not None:
            return found
    return _gate(flow, positive, atom) if step.name in GATES | NARROW else None


def _before(flow: Flow, positive: Value, quotient: Quotient, atom: int) -> Attention | None:
    """Return attention whose weights are formed, if they are what their structure says."""
    total, weight = quotient.total, quotient.weight
    assert weight is not None
    every = flow.atoms(weight)
    own, other = (layout(flow, each.dims, atom, every) for each in (weight, total.rows))
    if own is None or other is None:
        return None
    node = numbers_of(total.by, total.dim)
    if not is_share(own.arrange(weight.now), other.arrange(total.rows.now), node):
        return None
    summed = _aggregated(flow, weight, total, atom)
    return attention_of(flow, positive, total, weight, summed, atom, quotient.indices())


def attention_of(
    flow: Flow,
    positive: Value,
    total: Indexed,
    weight: Value | None,
    summed: Indexed | None,
    atom: int,
    indices: list[Indexed],
) -> Attention:
    """Return attention by a softmax, with the weights and messages that are formed as stages.

    Args:
        flow: of the run.
        positive: the exponential.
        total: its sum.
        weight: the quotient of the two; ``None`` if it is never formed.
        summed: the sum of the messages, if there is one.
        atom: what the rows are.
        indices: all before that sum that has to be by one index.
    """
    message = None if summed is None else summed.rows
    heads = heads_of(flow, total.rows if weight is None else weight, message, atom)
    done = (positive, total, weight, summed)
    found = Attention(
        kind=kind_of(positive, total.rows),
        atom=atom,
        target=total,
        logit=logit_of(positive),
        positive=positive,
        heads=heads,
        weight=weight,
        message=message,
        steps=_steps(*(each.step for each in done if each is not None)),
        indices=indices if summed is None else [*indices, summed],
    )
    if weight is not None:
        found.take("weight", weight, layout(flow, weight.dims, atom, heads))
        if message is not None:
            found.take("message", message, layout(flow, message.dims, atom, heads))
    return found


def _steps(*steps: Step | None) -> list[Step]:
    return [step for step in steps if step is not None]


def _aggregated(flow: Flow, weight: Value, total: Indexed, atom: int) -> Indexed | None:
    """Return where what the weights multiply is summed, or else what is computed of them."""
    sums = [
        each
        for each in flow.scatters[atom]
        if each.step is not total.step
        and (is_sum(each.step) or is_average(each.step))
        and has_same_numbers(each, total)
    ]
    for found in (times(flow, weight, atom), flow.along([weight], atom)):
        for each in sums:
            if each.rows.number in found:
                return each
    return None


def heads_of(flow: Flow, weight: Value, message: Value | None, atom: int) -> frozenset[int]:
    """Return what is a head: what weights share with messages that are wider.

    Where heads have one channel each, this is a dimension of its own in what is multiplied.
    """
    own = frozenset(each for each in flow.atoms(weight) if each != atom)
    if message is None or len(flow.atoms(message)) > len(flow.atoms(weight)):
        return own
    before = message
    while before.step is not None and before.step.name in {"view", "_unsafe_view", "reshape"}:
        before = next(before.step.inputs())
    last = before.dims[-1] if before.dims else ()
    return own if own and len(before.dims) > 2 and not last else frozenset()  # noqa: PLR2004


def _after(flow: Flow, positive: Value, quotient: Quotient, atom: int) -> Attention | None:
    """Return attention whose messages are divided only once they were summed."""
    total, below, summed = quotient.total, quotient.below, quotient.summed
    assert below is not None
    assert summed is not None
    heads = heads_of(flow, total.rows, summed.rows, atom)
    own = layout(flow, total.rows.dims, atom, heads)
    of_message = layout(flow, summed.rows.dims, atom, heads)
    nodes = [root for root in flow.atoms(below) if root not in flow.atoms(total.rows)]
    at = layout(flow, below.dims, nodes[0], heads) if len(nodes) == 1 else None
    if own is None or of_message is None or at is None:
        return None
    weight = Divided(Taken(total.rows.number, own), below.number, at, total.by.number, total.dim)
    node = numbers_of(total.by, total.dim)
    if not is_share(weight(flow.trace), own.arrange(total.rows.now), node):
        return None
    return Attention(
        kind=kind_of(positive, total.rows),
        atom=atom,
        target=total,
        logit=logit_of(positive),
        positive=positive,
        heads=heads,
        weight=None,
        below=below,
        message=summed.rows,
        steps=_steps(positive.step, total.step, summed.step),
        indices=quotient.indices(),
        recipes={
            "weight": weight,
            "message": weight._replace(above=Taken(summed.rows.number, of_message)),
        },
    )


def _gate(flow: Flow, positive: Value, atom: int) -> Attention | None:
    """Return a gate, by which what is summed over the edges of a node was multiplied."""
    summed = gated(flow, positive, flow.scatters[atom], atom)
    if summed is None:
        return None
    weight = as_multiplied(flow, positive, summed.rows, atom)
    heads = heads_of(flow, positive, summed.rows, atom)
    found = Attention(
        kind="gate",
        atom=atom,
        target=summed,
        logit=logit_of(positive),
        positive=positive,
        heads=heads,
        weight=weight,
        message=summed.rows,
        steps=_steps(positive.step, summed.step),
        indices=[summed],
    )
    found.take("weight", weight, layout(flow, weight.dims, atom, heads))
    found.take("message", summed.rows, layout(flow, summed.rows.dims, atom, heads))
    return found if len(found.recipes) == 2 else None  # noqa: PLR2004  (both)
