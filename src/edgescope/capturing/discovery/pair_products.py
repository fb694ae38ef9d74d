"""Products in dense attention: from queries and keys to the logits, and of weights and values."""

from collections.abc import Collection
from typing import NamedTuple

from torch import Tensor

from edgescope.capturing.discovery.atom_places import place_before
from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.pair_attention import (
    MATRICES,
    PairAttention,
    pairs_along,
    place_in,
)
from edgescope.capturing.discovery.recipes import Scale
from edgescope.capturing.discovery.steps import KEEPS, Step, Value, is_pointwise

SUMS = frozenset({"sum", "mean"})
"""Operations that sum what is there for every pair and channel."""


def is_product(value: Value, names: Collection[str] = MATRICES) -> bool:
    """Return whether an operation has summed into a value, changed by number and form only.

    Args:
        value: the value.
        names: the operation, by default a product of nodes.
    """
    while value.step is not None:
        step = value.step
        if step.name in names:
            return True
        inputs = list(step.inputs())
        if not (is_pointwise(step) or step.name in KEEPS) or not inputs:
            return False
        value = inputs[0]
    return False


def scale_of(step: Step, value: Value) -> Scale | None:
    """Return what an operation multiplies a value by, nothing for what limits, masks or moves."""
    if step.name in {"mul", "div"}:
        others = [each for each in step.args if each is not value]
        by = others[0] if others else None
        if isinstance(by, Value):
            return ((step.name == "div", by.number),) if by.tensor.numel() == 1 else None
        return ((step.name == "div", float(by)),) if isinstance(by, int | float) else None
    if step.name == "neg":
        return ((False, -1.0),)
    if step.name in KEEPS or step.name in {"add", "sub", "masked_fill", "where", "clamp", "copy"}:
        return ()
    return None


def are_close(one: Tensor, other: Tensor) -> bool:
    """Return whether numbers are alike to rounding, where both are finite."""
    both = one.isfinite() & other.isfinite()
    scale = other.where(both, 0).abs().amax() if other.numel() else other.new_zeros(())
    return bool(((one - other).where(both, 0).abs() <= 1e-4 * scale.clamp(min=1e-12)).all())


CLEANS = KEEPS | {"nan_to_num", "masked_fill", "where"}
"""Operations after which numbers are what they were, but for what is masked."""


def is_form(value: Value, weight: Value, names: frozenset[str] = KEEPS) -> bool:
    """Return whether a value is another one, after operations of some names."""
    while value is not weight and value.step is not None and value.step.name in names:
        value = next(each for each in value.step.inputs() if each.tensor.is_floating_point())
    return value is weight


class Spread(NamedTuple):
    """Values of nodes that were multiplied by weights pair by pair, before the sum over keys."""

    weight: Value
    value: Value
    product: Value


def spread_values(flow: Flow, found: PairAttention) -> Spread | None:
    """Return how the values of the nodes are multiplied without a matrix product, if they are."""
    assert found.weight is not None
    along = pairs_along(flow, found.weight, found.node)
    for product in along.values():
        summed = [each for each in product.uses if each.name in {"sum", "nansum"}]
        if not any(flow.atoms(each.results[0]).count(found.node) == 1 for each in summed):
            continue
        step = product.step
        if step is None or step.name != "mul":
            continue
        inputs = list(step.inputs())
        weights = [each for each in inputs if each.number in along]
        values = [each for each in inputs if flow.atoms(each).count(found.node) == 1]
        if len(weights) != 1 or len(values) != 1:
            continue
        ends = [n for n, each in enumerate(flow.atoms(product)) if each == found.node]
        keys = [n for n in ends if place_in(flow, product, n, found.weight) == found.key]
        at = place_before(flow, step, values[0], keys[0]) if len(keys) == 1 else None
        if at is not None and flow.atoms(values[0])[at : at + 1] == [found.node]:
            return Spread(weights[0], values[0], product)
    return None
