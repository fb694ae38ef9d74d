"""What is summed over channels into the logits of dense attention: the score of every pair."""

from collections.abc import Sequence

from edgescope.capturing.discovery.atom_places import place_before
from edgescope.capturing.discovery.pair_attention import MATRICES, is_mask
from edgescope.capturing.discovery.pair_parts import PairParts
from edgescope.capturing.discovery.pair_products import SUMS, is_product, scale_of
from edgescope.capturing.discovery.pair_values import Channels, Products, arrangement
from edgescope.capturing.discovery.recipes import Scale
from edgescope.capturing.discovery.steps import KEEPS, Step, Value, is_pointwise


def products_of(parts: PairParts) -> tuple[Products | Channels | None, bool]:
    """Return the products that are summed into the logits, and whether a bias is added."""
    flow, value, key = parts.flow, parts.found.logit, parts.found.key
    scale: Scale = ()
    biased = limited = False
    while value.step is not None:
        step = value.step
        if step.name in MATRICES:
            return _operands(parts, step, key, scale, limited=limited), biased
        if step.name in SUMS:
            return _summed(parts, step, key, scale, limited=limited), biased
        inputs = [v for v in step.inputs() if parts.is_pair(v)]
        if step.name in {"add", "sub"} and len(inputs) > 1:
            inputs, others = _with_product(inputs)
            biased = biased or not all(map(is_mask, others))
        elif step.name == "add":
            biased = biased or not all(is_mask(v) for v in step.inputs() if v not in inputs)
        if len(inputs) != 1 or not (is_pointwise(step) or step.name in KEEPS):
            return None, False
        of_step = scale_of(step, inputs[0])
        before = place_before(flow, step, inputs[0], key)
        if of_step is None or before is None:
            return None, False
        limited = limited or step.name == "clamp"
        scale, key, value = (*scale, *of_step), before, inputs[0]
    return None, False


def _with_product(values: Sequence[Value]) -> tuple[list[Value], list[Value]]:
    """Tell the operand that a product of nodes was summed into from the others."""
    from_products = [each for each in values if is_product(each)]
    from_products = from_products or [each for each in values if is_product(each, SUMS)]
    return from_products[:1], [each for each in values if each not in from_products[:1]]


def _operands(
    parts: PairParts, step: Step, key: int, scale: Scale, *, limited: bool
) -> Products | None:
    """Return queries and keys of a matrix product."""
    one, other = [each for each in step.args if isinstance(each, Value)][-2:]
    result = step.results[0]
    last = len(parts.flow.atoms(result)) - len(result.dims[-1])
    query, keys = (one, other) if key >= last else (other, one)
    summed = one.dims[-1]
    of_query, of_key = (parts.nodes(each, summed) for each in (query, keys))
    if of_query is None or of_key is None:
        return None
    return Products(of_query, of_key, scale, limited)


def _summed(
    parts: PairParts, step: Step, key: int, scale: Scale, *, limited: bool
) -> Channels | None:
    """Return what is summed, or averaged, over the channels of a pair."""
    value = next(step.inputs())
    before = place_before(parts.flow, step, value, key)
    roles = None if before is None else parts.of_pairs(value, before)
    if roles is None:
        return None
    if step.name == "mean":
        size = value.tensor.numel() / max(step.results[0].tensor.numel(), 1)
        scale = (*scale, (True, size))
    order = ("graph", "head", "query", "key", "channel")
    at = arrangement(parts.flow, value.dims, roles, order)
    return Channels(value.number, at, scale, limited)
