"""What was taken off the logits of a node before the exponential, and changes no weight."""

from edgescope.capturing.discovery.dataflow import Flow, backward
from edgescope.capturing.discovery.edge_softmax import Attention
from edgescope.capturing.discovery.index_operations import (
    GATHERS,
    Indexed,
    gathered,
    has_same_numbers,
    numbers_of,
)
from edgescope.capturing.discovery.recipes import layout
from edgescope.capturing.discovery.steps import KEEPS, Value, is_pointwise

_MAXIMA = frozenset(
    {"amax", "max", "scatter_reduce", "index_reduce", "segment_reduce", "logsumexp", "log"}
)
"""Operations behind what is taken off every logit of a node, as it changes no weight."""


def unshifted(flow: Flow, value: Value, found: Attention) -> Value:
    """Return a logit before the largest one of each node was taken off."""
    while value.step is not None and value.was is None:
        step = value.step
        inputs = list(step.inputs())
        if step.name in KEEPS and flow.has(inputs[0], found.atom):
            value = inputs[0]
            continue
        if step.name != "sub" or len(inputs) != 2 or step.kwargs:  # noqa: PLR2004  (and a shift)
            return value
        whole, shift = inputs
        if not flow.has(whole, found.atom) or not _is_shift(flow, shift, whole, found):
            return value
        value = whole
    return value


def _is_shift(flow: Flow, shift: Value, whole: Value, found: Attention) -> bool:
    """Return whether a number is the same for all edges of a node, and found from their logits."""
    before = backward(shift)
    of_these = bool(_forms(whole).keys() & before.keys())
    if not of_these or not any(v.step and v.step.name in _MAXIMA for v in before.values()):
        return False
    if found.atom not in flow.atoms(shift):
        return True  # one number for all
    return _is_of_nodes(flow, shift, found) and _is_alike(flow, shift, found)


def _is_alike(flow: Flow, shift: Value, found: Attention) -> bool:
    """Return whether a number is the same for all edges of a node."""
    rows = layout(flow, shift.dims, found.atom, flow.atoms(shift))
    if rows is None:
        return False
    numbers = rows.arrange(shift.now).flatten(1)
    node = numbers_of(found.target.by, found.target.dim)
    if not len(node):
        return True
    first = numbers.new_zeros(int(node.max()) + 1, numbers.size(1))
    first[node] = numbers
    alike = (first[node] == numbers) | (first[node].isnan() & numbers.isnan())
    return bool(alike.all())


def _is_of_nodes(flow: Flow, shift: Value, found: Attention) -> bool:
    """Return whether all of a number's rows were gathered by the node that sums, or its graph."""
    left, seen = [shift], {shift.number}
    while left:
        step = left.pop().step
        if step is None:
            return False
        if step.name in GATHERS:
            by = gathered(step)
            if by is None or not _is_by_node(by, found):
                return False
        elif is_pointwise(step) or step.name in KEEPS:
            more = [each for each in step.inputs() if flow.has(each, found.atom)]
            if not more:
                return False
            left += [each for each in more if each.number not in seen]
            seen.update(each.number for each in more)
        else:
            return False
    return True


def _is_by_node(by: Indexed, found: Attention) -> bool:
    if has_same_numbers(by, found.target):
        return True
    index = by.by.step
    graph = None if index is None else gathered(index)
    return graph is not None and has_same_numbers(graph, found.target)


def _forms(value: Value) -> dict[int, Value]:
    """Return what a value is another form of, or has only something taken off."""
    found = {value.number: value}
    while value.step is not None and (value.step.name in KEEPS or value.step.name == "sub"):
        value = next(value.step.inputs())
        found[value.number] = value
    return found
