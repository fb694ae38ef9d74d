"""Attention along edges, recognised by what is computed with it and not by what it is called.

What enters an exponential, whose result is divided by its own sum over the edges of a node, is a
logit, and the quotient a weight, however that is written: with or without a maximum taken off
first, by logarithms, or with the division after the aggregation. That the numbers are what the
structure says is checked: within every node the quotient is a constant times the exponential, and
sums to one or less.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from edgescope.capturing.discovery.dataflow import KEEPS, Flow, Indexed, backward, is_sum, numbers_of
from edgescope.capturing.discovery.recipes import Divided, Recipe, Taken, layout
from edgescope.capturing.discovery.trace import Step, Value, is_pointwise

EXPONENTIALS = frozenset({"exp", "exp2"})
GATES = frozenset({"sigmoid"})

Kind = Literal["softmax", "normalised gate", "gate"]


@dataclass
class Attention:
    """One attention along edges.

    Attributes:
        kind: how the weights come about.
        atom: what the rows are.
        target: the index by which it is summed.
        logit: what the exponential or the gate is taken of.
        positive: its result.
        weight: how the weights are had.
        message: what is summed.
        heads: atoms of the weights beside the rows.
        steps: the operations that belong to it.
        recipes: how each stage is had.
    """

    kind: Kind
    atom: int
    target: Indexed
    logit: Value
    positive: Value
    heads: frozenset[int]
    weight: Value | None
    below: Value | None = None
    message: Value | None = None
    steps: list[Step] = field(default_factory=list)
    recipes: dict[str, Recipe] = field(default_factory=dict)
    score: Value | None = None

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
        if step.name not in EXPONENTIALS | GATES or not step.results:
            continue
        positive = step.results[0]
        for atom in dict.fromkeys(flow.atoms(positive)):
            if atom in flow.scatters and flow.has(positive, atom) and positive.number not in taken:
                found = _find(flow, step, positive, atom)
                if found is not None:
                    taken.add(positive.number)
                    yield found


def _find(flow: Flow, step: Step, positive: Value, atom: int) -> Attention | None:
    logit = next(step.inputs())
    along = flow.along([positive], atom)
    sums = [each for each in flow.scatters[atom] if each.rows.number in along and is_sum(each.step)]
    before = _divided_before(flow, along, sums, atom)
    candidates = [*before, *_by_logarithms(flow, positive, logit, atom)]
    for total, weight in candidates:
        if _is_normalised(flow, weight, positive, total, atom):
            return _before(flow, step, total, weight, positive, logit, atom)
    for total, below, summed in _divided_after(flow, positive, sums):
        found = _after(flow, step, total, below, summed, positive, logit, atom)
        if found is not None:
            return found
    if step.name in GATES:
        return _gate(flow, step, positive, logit, sums, atom)
    return None


def _divided_before(
    flow: Flow, along: dict[int, Value], sums: list[Indexed], atom: int
) -> Iterator[tuple[Indexed, Value]]:
    """Give what is computed of an exponential and of its sum, gathered back to the edges."""
    for total in sums:
        nodes = _at_nodes(flow, total.step.results)
        back = [
            each.step.results[0]
            for each in flow.gathers[atom]
            if each.rows.number in nodes and _same_numbers(each, total)
        ]
        spread = flow.along(back, atom)
        for number in sorted(along):
            step = along[number].step
            if step is None or not is_pointwise(step) or (number in spread and step.name in KEEPS):
                continue
            inputs = [each.number for each in step.inputs()]
            own = [n for n in inputs if n in along and n not in spread]
            if own and any(n in spread for n in inputs):
                yield total, along[number]
                break


def _by_logarithms(
    flow: Flow, positive: Value, logit: Value, atom: int
) -> Iterator[tuple[Indexed, Value]]:
    """Give an exponential that is a weight by itself, as a logarithm was taken off first."""
    before = backward(logit)
    if not any(each.step and each.step.name in {"log", "logsumexp"} for each in before.values()):
        return
    for total in reversed(flow.scatters[atom]):  # the last one is that of this attention
        if is_sum(total.step) and total.rows.number in before:
            yield total, positive
            return


def _divided_after(
    flow: Flow, positive: Value, sums: list[Indexed]
) -> Iterator[tuple[Indexed, Value, Indexed]]:
    """Give sums of messages that are divided by the sum of the exponential."""
    for total in sums:
        own = flow.atoms(positive)
        below = _at_nodes(flow, total.step.results)
        for summed in sums:
            if summed.step is total.step or not _same_numbers(summed, total):
                continue
            above = _at_nodes(flow, summed.step.results)
            for number in sorted(above):
                step = above[number].step
                if step is None or step.name not in {"div", "mul"}:
                    continue
                inputs = list(step.inputs())
                over = [each for each in inputs if each.number in below]
                if over and any(each.number in above for each in inputs) and len(own):
                    lower = over[-1]
                    if step.name == "mul":
                        inverse = _source(lower, {"reciprocal"})
                        if inverse is None:
                            continue
                        lower = inverse
                    yield total, lower, summed
                    break


def _source(value: Value, names: set[str]) -> Value | None:
    """Return what an operation of these names was given that a value comes from, by its form."""
    while value.step is not None:
        first = next(value.step.inputs())
        if value.step.name in names:
            return first
        if value.step.name not in KEEPS:
            return None
        value = first
    return None


def _at_nodes(flow: Flow, results: Iterable[Value]) -> dict[int, Value]:
    """Return what is computed from sums node by node."""
    return flow.onward(results, lambda step, _: is_pointwise(step) or step.name in KEEPS)


def _same_numbers(one: Indexed, other: Indexed) -> bool:
    a, b = numbers_of(one.by, one.dim), numbers_of(other.by, other.dim)
    return a.shape == b.shape and torch.equal(a, b)


def _is_normalised(flow: Flow, weight: Value, positive: Value, total: Indexed, atom: int) -> bool:
    """Return whether a quotient is what its structure says, in every node."""
    heads = flow.atoms(weight)
    own, other = (layout(flow, each.dims, atom, heads) for each in (weight, positive))
    if own is None or other is None:
        return False
    a, b = own.arrange(weight.now), other.arrange(positive.now)
    return a.shape == b.shape and is_share(a, b, numbers_of(total.by, total.dim))


def is_share(weight: Tensor, positive: Tensor, node: Tensor) -> bool:
    """Return whether weights are, in every node, a constant times something positive.

    They sum to one, or to less where something was added to the sum that divides.

    Args:
        weight: the weights ``[E, H, D]``.
        positive: what was divided ``[E, H, D]``.
        node: the node of each row ``[E]``.
    """
    if not weight.numel():
        return False
    size = 32 * torch.finfo(weight.dtype).eps
    weight, positive = weight.double(), positive.double()
    finite = weight.isfinite() & positive.isfinite()
    weight, positive = weight.where(finite, 0), positive.where(finite, 0)
    nodes = int(node.max()) + 1
    total, above = (
        each.new_zeros(nodes, *each.shape[1:]).index_add(0, node, each)
        for each in (positive, weight)
    )
    there = total > 0
    share = above / total.where(there, 1)
    expected = positive * share[node]
    scale = above[node].abs().clamp(min=1e-30)
    close = bool(((weight - expected).abs() <= max(size, 1e-5) * scale).all())
    return close and bool((weight >= 0).all()) and bool((above <= 1 + max(size, 1e-4)).all())


def _heads(flow: Flow, weight: Value, message: Value | None, atom: int) -> frozenset[int]:
    """Return what is a head: what weights share with messages that are wider."""
    own = [each for each in flow.atoms(weight) if each != atom]
    wider = message is not None and len(flow.atoms(message)) > len(flow.atoms(weight))
    return frozenset(own) if wider or message is None else frozenset()


def _message(flow: Flow, weight: Value, total: Indexed, atom: int) -> Indexed | None:
    """Return where the weights, by which something is multiplied, are summed."""
    along = flow.along([weight], atom)
    for each in flow.scatters[atom]:
        if each.rows.number in along and each.step is not total.step and _same_numbers(each, total):
            return each
    return None


def _before(
    flow: Flow,
    step: Step,
    total: Indexed,
    weight: Value,
    positive: Value,
    logit: Value,
    atom: int,
) -> Attention | None:
    summed = _message(flow, weight, total, atom)
    message = None if summed is None else summed.rows
    heads = _heads(flow, weight, message, atom)
    kind: Kind = "softmax" if step.name in EXPONENTIALS else "normalised gate"
    steps = [step, total.step]
    steps += [] if weight.step is None else [weight.step]
    steps += [] if summed is None else [summed.step]
    found = Attention(kind, atom, total, logit, positive, heads, weight, None, message, steps)
    own = layout(flow, weight.dims, atom, heads)
    if own is None:
        return None
    found.recipes["weight"] = Taken(weight.number, own)
    if message is not None:
        of_message = layout(flow, message.dims, atom, heads)
        if of_message is not None:
            found.recipes["message"] = Taken(message.number, of_message)
    return found


def _after(
    flow: Flow,
    step: Step,
    total: Indexed,
    below: Value,
    summed: Indexed,
    positive: Value,
    logit: Value,
    atom: int,
) -> Attention | None:
    """Return attention whose messages are divided only once they were summed."""
    heads = _heads(flow, total.rows, summed.rows, atom)
    own = layout(flow, total.rows.dims, atom, heads)
    of_message = layout(flow, summed.rows.dims, atom, heads)
    nodes = [root for root in flow.atoms(below) if root not in flow.atoms(total.rows)]
    at = layout(flow, below.dims, nodes[0], heads) if len(nodes) == 1 else None
    if own is None or of_message is None or at is None:
        return None
    weight = Divided(Taken(total.rows.number, own), below.number, at, total.by.number, total.dim)
    values, powers = weight(flow.trace), own.arrange(total.rows.now)
    if not is_share(values, powers, numbers_of(total.by, total.dim)):
        return None
    kind: Kind = "softmax" if step.name in EXPONENTIALS else "normalised gate"
    steps = [step, total.step, summed.step]
    found = Attention(kind, atom, total, logit, positive, heads, None, below, summed.rows, steps)
    found.recipes["weight"] = weight
    found.recipes["message"] = weight._replace(above=Taken(summed.rows.number, of_message))
    return found


def _gate(
    flow: Flow, step: Step, positive: Value, logit: Value, sums: list[Indexed], atom: int
) -> Attention | None:
    """Return a gate: what is multiplied by it is summed over the edges of a node."""
    for each in sums:
        product = _product(flow, each.rows, positive, atom)
        if product is not None:
            heads = _heads(flow, positive, each.rows, atom)
            steps = [step, each.step]
            found = Attention(
                "gate", atom, each, logit, positive, heads, positive, None, each.rows, steps
            )
            own, other = (layout(flow, value.dims, atom, heads) for value in (positive, each.rows))
            if own is None or other is None:
                return None
            found.recipes["weight"] = Taken(positive.number, own)
            found.recipes["message"] = Taken(each.rows.number, other)
            return found
    return None


def _product(flow: Flow, rows: Value, positive: Value, atom: int) -> Step | None:
    """Return where a gate was multiplied by something else with a row per edge."""
    before = backward(rows, {positive.number})
    for value in before.values():
        step = value.step
        if step is not None and step.name == "mul":
            inputs = list(step.inputs())
            gates = [each for each in inputs if positive.number in backward(each)]
            others = [each for each in inputs if flow.has(each, atom) and each not in gates]
            if len(gates) == 1 and others and not _computed_from(others[0], positive):
                return step
    return None


def _computed_from(value: Value, positive: Value) -> bool:
    return positive.number in backward(value)
