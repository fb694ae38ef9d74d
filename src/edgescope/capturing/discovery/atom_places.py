"""Where an atom of a result is among those of what it was computed from."""

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.steps import Step, Value, is_pointwise


def place_before(flow: Flow, step: Step, value: Value, place: int) -> int | None:
    """Return where an atom of an operation's result is among those of one of its arguments.

    Args:
        flow: the trace.
        step: an operation that keeps numbers, or works number by number.
        value: one of its arguments.
        place: place among the atoms of the result.
    """
    result = step.results[0]
    after, before = flow.atoms(result), flow.atoms(value)
    if step.name in {"permute", "transpose", "t"}:
        order = _order(step, len(value.dims))
        starts = [sum(len(d) for d in value.dims[:n]) for n in range(len(value.dims))]
        moved = [starts[n] + k for n in order for k in range(len(value.dims[n]))]
        return moved[place] if place < len(moved) else None
    if after == before:
        return place
    if is_pointwise(step) or step.name in {"expand", "repeat"}:
        at = _dim_of(result, place)
        back = at - len(result.dims)
        if -back > len(value.dims) or len(value.dims[back]) != len(result.dims[at]):
            return None
        within = place - sum(len(d) for d in result.dims[:at])
        return sum(len(d) for d in value.dims[: len(value.dims) + back]) + within
    kept = [n for n, each in enumerate(after) if each in before]
    if place in kept and [after[n] for n in kept] == [each for each in before if each in after]:
        wanted = kept.index(place)
        return [n for n, each in enumerate(before) if each in after][wanted]
    return None


def _dim_of(value: Value, place: int) -> int:
    held = 0
    for n, dim in enumerate(value.dims):
        held += len(dim)
        if place < held:
            return n
    raise IndexError(place)


def _order(step: Step, rank: int) -> list[int]:
    if step.name == "t":
        return list(reversed(range(rank)))
    if step.name == "transpose":
        order = list(range(rank))
        a, b = step.args[1], step.args[2]
        order[a], order[b] = order[b], order[a]
        return order
    return [n % rank for n in step.args[1]]
