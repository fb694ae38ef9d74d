"""What is positive and may be normalised: exponentials, sigmoids, and what is put together."""

from typing import Literal

from edgescope.capturing.discovery.gates import GATES, NARROW
from edgescope.capturing.discovery.quotients import EXPONENTIALS, TIMES
from edgescope.capturing.discovery.steps import KEEPS, Step, Value

Kind = Literal[
    "softmax", "weighted softmax", "grouped softmax", "normalised gate", "normalised", "gate"
]
"""How weights come about: of exponentials, alone or times a factor, of sigmoids, or of something
else that is positive; over some of a node's edges; a gate is not normalised."""

PUTS = frozenset({"index_put", "_index_put_impl", "index_copy", "cat"})
"""Operations that put parts together."""

POSITIVE = frozenset({"softplus"})
"""Other operations whose results are positive."""


def positives_of(step: Step) -> list[Value]:
    """Return what an operation computes that may be normalised."""
    if step.name in EXPONENTIALS | GATES | POSITIVE | NARROW:
        return step.results[:1]
    if step.name in PUTS and _power(step) is not None:
        return step.results[:1]
    return []


def _power(step: Step | None) -> Step | None:
    """Return the exponential, or the like, that something is a form of, or all its parts are."""
    while step is not None:
        if step.name in EXPONENTIALS | GATES | POSITIVE:
            return step
        if step.name == "cat":
            parts = [_power(part.step) for part in step.args[0] if isinstance(part, Value)]
            return parts[0] if all(parts) else None
        if step.name in PUTS:
            source = step.args[3] if step.name == "index_copy" else step.args[2]
            step = source.step if isinstance(source, Value) else None
        elif step.name in TIMES:
            step = next(step.inputs()).step  # what is multiplied comes first
        else:
            return None
    return None


def logit_of(positive: Value) -> Value | None:
    """Return what a positive is computed of; ``None`` if it is put together of several."""
    step = positive.step
    return None if step is None or step.name in PUTS else next(step.inputs())


def kind_of(positive: Value, rows: Value) -> Kind:
    """Return how weights come about of what was summed, which is the positive, or times it."""
    power = _power(positive.step)
    if power is None or power.name not in EXPONENTIALS:
        return "normalised gate" if power is not None and power.name in GATES else "normalised"
    value = rows
    while value.step is not None and value.number != positive.number:
        if value.step.name in EXPONENTIALS:
            break  # of a logit, whose logarithm is taken again
        if value.step.name not in KEEPS:
            return "weighted softmax"
        value = next(value.step.inputs())
    return "softmax"
