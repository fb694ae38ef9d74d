"""Gates: factors of messages between zero and one, of which no node's edges share anything."""

from edgescope.capturing.discovery.dataflow import Flow, backward
from edgescope.capturing.discovery.index_operations import Indexed
from edgescope.capturing.discovery.quotients import is_whole, times
from edgescope.capturing.discovery.steps import KEEPS, Value, is_pointwise

GATES = frozenset({"sigmoid"})

NARROW = frozenset({"silu", "tanh", "gelu", "hardsigmoid", "softsign"})
"""Other functions that are gates if they are taken of a product of two tensors, summed over its
channels, and one number of theirs multiplies several channels of a message, as in ViSNet and in
torchmd-net's equivariant transformer."""


def gated(flow: Flow, positive: Value, sums: list[Indexed], atom: int) -> Indexed | None:
    """Return where messages that a gate was multiplied by are summed.

    What multiplies its own sigmoid is an activation, and no gate of anything.

    Args:
        flow: the trace.
        positive: the gate.
        sums: the sums over the rows.
        atom: the rows.
    """
    through = times(flow, positive, atom)
    itself = _itself(positive)
    for each in sums:
        if each.rows.number not in through or not is_whole(each):
            continue
        if not _is_wide_enough(flow, positive, each.rows):
            continue
        way = backward(each.rows)
        for value in through.values():
            step = value.step
            if value.number not in way or step is None or step.name != "mul":
                continue
            others = [v for v in step.inputs() if v.number not in through and flow.has(v, atom)]
            if others and not any(other.number in itself for other in others):
                return each
    return None


def _is_wide_enough(flow: Flow, positive: Value, message: Value) -> bool:
    """Return whether what may be a gate multiplies several channels, and is of a score."""
    step = positive.step
    if step is None or step.name in GATES:
        return step is not None
    return len(flow.atoms(message)) > len(flow.atoms(positive)) and _is_of_score(flow, positive)


def _is_of_score(flow: Flow, positive: Value) -> bool:
    """Return whether something is computed of products that were summed over channels."""
    assert positive.step is not None
    value = next(positive.step.inputs())
    while value.step is not None:
        step = value.step
        inputs = [each for each in step.inputs() if each.tensor.is_floating_point()]
        if step.name == "sum" and inputs[0].step is not None:
            factors = list(inputs[0].step.inputs())
            return inputs[0].step.name == "mul" and len({each.number for each in factors}) > 1
        wide = [each for each in inputs if flow.atoms(each) == flow.atoms(value)]
        if len(wide) != 1 or not (is_pointwise(step) or step.name in KEEPS):
            return False
        value = wide[0]
    return False


def as_multiplied(flow: Flow, positive: Value, message: Value, atom: int) -> Value:
    """Return a gate with all else that has one number per edge and head and multiplies a message.

    Such as a cutoff by distance.
    """
    way, own = backward(message), sorted(flow.atoms(positive))
    found = positive
    for number, value in sorted(times(flow, positive, atom).items()):
        if number in way and sorted(flow.atoms(value)) == own:
            found = value
    return found if sorted(flow.atoms(message)) != own else positive


def _itself(positive: Value) -> set[int]:
    """Return what a gate is computed from number by number, up to what is computed otherwise."""
    found = {positive.number}
    left = [positive]
    while left:
        step = left.pop().step
        if step is None or not (is_pointwise(step) or step.name in KEEPS):
            continue
        inputs = list(step.inputs())
        for each in inputs if len(inputs) == 1 else ():
            if each.number not in found:
                found.add(each.number)
                left.append(each)
    return found
