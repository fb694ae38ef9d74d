"""What is divided by its own sum over the places of a table, and what is taken off before."""

from collections.abc import Callable

from edgescope.capturing.discovery.dataflow import Flow, backward
from edgescope.capturing.discovery.quotients import CLOSE, EXPONENTIALS, TIMES, divisors, meetings
from edgescope.capturing.discovery.shape_rules import reduced
from edgescope.capturing.discovery.steps import KEEPS, Step, Value
from edgescope.capturing.masked_places import MASKED

_LARGEST = frozenset({"amax", "max", "logsumexp", "log"})


def is_of_places(flow: Flow, place: int) -> Callable[[Value], bool]:
    """Return what says whether a value has a dimension of the places."""
    return lambda value: _where(flow, value, place) is not None


def _where(flow: Flow, value: Value, place: int) -> int | None:
    """Return the dimension of the places alone."""
    found = [n for n, dim in enumerate(value.dims) if flow.axes.roots(dim) == (place,)]
    return found[0] if len(found) == 1 else None


def over_places(flow: Flow, step: Step, value: Value, place: int) -> bool:
    """Return whether an operation sums a value over the places."""
    if step.name != "sum" or not step.results:
        return False
    return reduced(step) == {_where(flow, value, place)}


def quotient(flow: Flow, positive: Value, place: int) -> Value | None:
    """Return what is a positive number over its sum over the places, if the numbers say so."""
    own = flow.onward(
        [positive],
        lambda step, value: step.name in TIMES and _where(flow, value, place) is not None,
    )
    for value in list(own.values()):
        for use in value.uses:
            if not over_places(flow, use, value, place):
                continue
            below = {n: v for n, (v, _) in divisors(flow, use.results, None).items()}
            for step, _ in meetings({n: v for n, v in own.items() if n not in below}, below):
                weight = step.results[0]
                if _is_share(flow, weight, value, place):
                    return weight
    return positive if _is_by_logarithms(flow, positive, place) else None


def _is_by_logarithms(flow: Flow, positive: Value, place: int) -> bool:
    """Return whether an exponential is a share by itself, as a logarithm was taken off first."""
    step = positive.step
    if step is None or step.name not in EXPONENTIALS or not positive.tensor.numel():
        return False
    logit = next(step.inputs())
    raw, at = unshifted(flow, logit, place), _where(flow, positive, place)
    if raw is logit or at is None or raw.tensor.shape != positive.tensor.shape:
        return False
    there = raw.now.amax(at) > MASKED  # else all is rounded, where nothing is attended to
    total = positive.now.double().sum(at)[there]
    return bool(there.any()) and bool(((total - 1).abs() <= CLOSE).all())


def _is_share(flow: Flow, weight: Value, positive: Value, place: int) -> bool:
    """Return whether weights are a constant times something positive, in every row of a table."""
    at = _where(flow, weight, place)
    if at is None or weight.tensor.shape != positive.tensor.shape:
        return False
    one, other = (each.now.double().nan_to_num() for each in (weight, positive))
    share, total = one.sum(at, keepdim=True), other.sum(at, keepdim=True)
    expected = other * share / total.where(total > 0, 1)
    there = share[total > 0]
    return (
        bool((one >= 0).all())
        and bool(((one - expected).abs() <= CLOSE * share.abs().clamp(min=1e-12)).all())
        and bool((there <= 1 + CLOSE).all())
        and bool((there > 0).any())
    )


def unshifted(flow: Flow, value: Value, place: int) -> Value:
    """Return logits before the largest one of each row, or the logarithm of a sum, was taken off.

    Args:
        flow: the trace.
        value: what the exponential is taken of.
        place: atom of the places.
    """
    while value.step is not None and value.step.name == "sub":
        whole, shift = value.step.args[0], value.step.args[1]
        if not isinstance(shift, Value) or not isinstance(whole, Value):
            return value
        before = backward(shift)
        alike = place not in {a for dim in shift.dims for a in flow.axes.roots(dim)}
        names = {v.step.name for v in before.values() if v.step is not None}
        if not alike or not names & _LARGEST or not _forms(whole) & before.keys():
            return value
        value = whole
    return value


def _forms(value: Value) -> set[int]:
    """Return what a value is another form of, or has only something taken off."""
    found = {value.number}
    while value.step is not None and (value.step.name in KEEPS or value.step.name == "sub"):
        value = next(value.step.inputs())
        found.add(value.number)
    return found
