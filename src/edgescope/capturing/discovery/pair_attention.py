"""Attention between all pairs of nodes of a dense batch, recognised by what is computed with it.

A softmax over a dimension of nodes, of a tensor that has these nodes twice, is attention; so is an
exponential or a sigmoid divided by its sum over them, and torch's operation that does all at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from edgescope.capturing.discovery.atom_places import place_before
from edgescope.capturing.discovery.dataflow import Flow, backward
from edgescope.capturing.discovery.shape_rules import reduced
from edgescope.capturing.discovery.steps import KEEPS, Step, Value, is_pointwise

SOFTMAX = frozenset({"_softmax", "softmax", "_safe_softmax", "_log_softmax"})
FUSED = frozenset(
    {
        "scaled_dot_product_attention",
        "flex_attention",
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_efficient_attention",
        "_scaled_dot_product_attention_math",
        "_scaled_dot_product_fused_attention_overrideable",
    }
)
MATRICES = frozenset({"bmm", "mm", "baddbmm"})


@dataclass
class PairAttention:
    """One dense attention.

    Attributes:
        kind: how the weights come about: ``"softmax"``, ``"normalised gate"`` or ``"fused"``.
        node: atom of the nodes.
        logit: what the softmax is taken of; the queries, where it is fused.
        weight: its result; ``None`` where it is never formed.
        key: place of the keys among the atoms of ``weight``.
        query: place of the queries; ``None`` if they are other nodes than the keys.
        steps: the operations that belong to it.
    """

    kind: str
    node: int
    logit: Value
    weight: Value | None
    key: int
    query: int | None
    steps: list[Step] = field(default_factory=list)

    @property
    def is_certain(self) -> bool:
        """Whether it looks the same on every batch: a dimension of size one may stand for more."""
        formed = self.logit if self.weight is None else self.weight
        return 1 not in formed.tensor.shape

    def values(self) -> dict[str, Value]:
        """Return the values that are a stage as they are."""
        return {} if self.weight is None else {"logit": self.logit, "weight": self.weight}


def find_pairs(flow: Flow) -> Iterator[PairAttention]:
    """Give every dense attention of a trace, in the order of its operations."""
    for step in flow.trace.steps:
        if not step.results:
            continue
        if step.name in SOFTMAX:
            found = _softmax(flow, step)
        elif step.name in {"exp", "sigmoid"}:
            found = _by_hand(flow, step)
        elif step.name in FUSED:
            found = _fused(flow, step)
        else:
            continue
        if found is not None:
            found.steps += _around(flow, found)
            yield found


def _softmax(flow: Flow, step: Step) -> PairAttention | None:
    logit, weight = next(step.inputs()), step.results[0]
    at = next((each for each in step.args[1:] if isinstance(each, int)), -1)
    if step.name == "_log_softmax":
        powers = [use.results[0] for use in weight.uses if use.name == "exp"]
        if not powers:
            return None
        weight = powers[0]
    places = _places(flow, weight, at)
    if places is None:
        return None
    return PairAttention("softmax", places[0], logit, weight, places[1], places[2], [step])


def _places(flow: Flow, weight: Value, at: int) -> tuple[int, int, int] | None:
    """Return the atom of the nodes, and the places of keys and queries among a tensor's atoms."""
    if not weight.dims or not weight.dims[at]:
        return None
    at %= len(weight.dims)
    before = sum(len(dim) for dim in weight.dims[:at])
    if len(weight.dims[at]) != 1:
        return None
    atoms = flow.atoms(weight)
    node = atoms[before]
    others = [n for n, each in enumerate(atoms) if each == node and n != before]
    return (node, before, others[0]) if len(others) == 1 else None


def _by_hand(flow: Flow, step: Step) -> PairAttention | None:
    """Return what is divided by its own sum over one of two dimensions of the same nodes."""
    positive = step.results[0]
    atoms = flow.atoms(positive)
    twice = [each for each in dict.fromkeys(atoms) if atoms.count(each) == 2]  # noqa: PLR2004  (both ends)
    if not twice:
        return None
    node = twice[0]
    along = pairs_along(flow, positive, node)
    for value in list(along.values()):
        for use in value.uses:
            at = _summed(use, value)
            if at is None:
                continue
            places = _places(flow, value, at)
            if places is None:
                continue
            weight = _quotient(flow, along, use.results[0])
            places = None if weight is None else _same_places(flow, weight, value, places, positive)
            if weight is not None and places and _sums_to_one(weight, places[1]):
                kind = "softmax" if step.name == "exp" else "normalised gate"
                logit = _unshifted(next(step.inputs()))
                steps = [step, use] + ([weight.step] if weight.step else [])
                return PairAttention(kind, node, logit, weight, places[1], places[2], steps)
    return None


def _summed(step: Step, value: Value) -> int | None:
    """Return the dimension over which an operation sums a value, also as a product with ones."""
    if not step.results:
        return None
    if step.name in {"sum", "mean"}:
        dims = reduced(step)
        return next(iter(dims)) if len(dims) == 1 else None
    if step.name not in MATRICES | {"mv"}:
        return None
    one, other = [each for each in step.args if isinstance(each, Value)][-2:]
    ones = other if value is one else one
    if not bool((ones.now == 1).all()):
        return None
    return -1 if value is one else -2


def _unshifted(value: Value) -> Value:
    """Return logits before the largest one of each query was taken off."""
    step = value.step
    if step is None or step.name != "sub" or not isinstance(step.args[1], Value):
        return value
    whole, shift = step.args[:2]
    before = backward(shift)
    largest = any(v.step and v.step.name in {"amax", "max"} for v in before.values())
    return whole if largest and whole.number in before else value


def _quotient(flow: Flow, along: dict[int, Value], total: Value) -> Value | None:
    """Return what is computed of an exponential and of its sum."""
    below = flow.onward([total], lambda step, _: is_pointwise(step) or step.name in KEEPS)
    for number in sorted(along):
        step = along[number].step
        if step is None or not is_pointwise(step):
            continue
        inputs = [each.number for each in step.inputs()]
        own = [n for n in inputs if n in along and n not in below]
        if own and any(n in below for n in inputs):
            return along[number]
    return None


def _same_places(
    flow: Flow, weight: Value, summed: Value, places: tuple[int, int, int], positive: Value
) -> tuple[int, int, int] | None:
    """Return the places of keys and queries in the weights, from those in what is summed."""
    node = places[0]
    wanted = tuple(place_in(flow, summed, place, positive) for place in places[1:])
    ends = [n for n, each in enumerate(flow.atoms(weight)) if each == node]
    for key, query in (ends, ends[::-1]):
        if tuple(place_in(flow, weight, each, positive) for each in (key, query)) == wanted:
            return node, key, query
    return None


def place_in(flow: Flow, value: Value, place: int, positive: Value) -> int | None:
    """Return where an atom of a value is in what it comes from, number by number or by its form."""
    while value is not positive:
        step = value.step
        if step is None:
            return None
        inputs = [each for each in step.inputs() if positive.number in backward(each)]
        twice = [each for each in inputs if flow.atoms(each).count(flow.atoms(value)[place]) == 2]  # noqa: PLR2004  (both ends)
        if not twice:
            return None
        before = place_before(flow, step, twice[0], place)
        if before is None:
            return None
        value, place = twice[0], before
    return place


def _sums_to_one(weight: Value, key: int) -> bool:
    """Return whether weights sum to one over the keys, or to less."""
    dim, held = 0, 0
    for n, atoms in enumerate(weight.dims):
        if held <= key < held + len(atoms):
            dim = n
        held += len(atoms)
    total = weight.now.double().sum(dim)
    total = total[total.isfinite()]
    return (
        bool((weight.now >= 0).all())
        and bool((total <= 1 + 1e-3).all())
        and bool(
            (total > 0.5).any()  # noqa: PLR2004  (a weight, and not something small)
        )
    )


def _fused(flow: Flow, step: Step) -> PairAttention | None:
    query, key = step.args[:2]
    node, other = flow.axes.roots(key.dims[-2]), flow.axes.roots(query.dims[-2])
    if len(node) != 1:
        return None
    same = node == other
    return PairAttention("fused", node[0], query, None, -1, -2 if same else None, [step])


def _around(flow: Flow, found: PairAttention) -> list[Step]:
    """Return the matrix products on both sides of a softmax, which belong to it."""
    steps: list[Step] = []
    before = backward(found.logit)
    products = [v.step for v in before.values() if v.step and v.step.name in MATRICES]
    products = [s for s in products if flow.atoms(s.results[0]).count(found.node) == 2]  # noqa: PLR2004  (both ends)
    if products:
        steps.append(max(products, key=lambda step: step.number))
    if found.weight is not None:
        used = value_product(flow, found)
        if used is not None:
            steps.append(used[0])
    return steps


def pairs_along(flow: Flow, value: Value, node: int) -> dict[int, Value]:
    """Return what is computed from a value number by number, as long as it has all pairs."""

    def goes_on(step: Step, result: Value) -> bool:
        same = flow.atoms(result).count(node) == 2  # noqa: PLR2004  (both ends)
        return same and (is_pointwise(step) or step.name in KEEPS)

    return flow.onward([value], goes_on)


def value_product(flow: Flow, found: PairAttention) -> tuple[Step, Value] | None:
    """Return where the values of the nodes are multiplied, and the numbers of pairs by which.

    These are the weights, or what else was made of them by then.
    """
    assert found.weight is not None
    along = pairs_along(flow, found.weight, found.node)
    uses = [(use, value) for value in along.values() for use in value.uses if use.name in MATRICES]
    return min(uses, key=lambda each: each[0].number) if uses else None


def is_mask(value: Value) -> bool:
    """Return whether what is added to logits only forbids pairs: zeros, and what is very low."""
    numbers = value.now
    if not numbers.is_floating_point():
        return True
    kept = numbers > -1e3  # noqa: PLR2004  (masks are lower than any bias)
    return bool((numbers[kept] == 0).all()) and not bool(torch.isnan(numbers).any())
