"""Gates: factors of messages between zero and one, of which no node's edges share anything."""

from edgescope.capturing.discovery.dataflow import KEEPS, Flow, Indexed, backward
from edgescope.capturing.discovery.quotients import is_whole, times
from edgescope.capturing.discovery.steps import Value, is_pointwise

GATES = frozenset({"sigmoid"})


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
        way = backward(each.rows)
        for value in through.values():
            step = value.step
            if value.number not in way or step is None or step.name != "mul":
                continue
            others = [v for v in step.inputs() if v.number not in through and flow.has(v, atom)]
            if others and not any(other.number in itself for other in others):
                return each
    return None


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
