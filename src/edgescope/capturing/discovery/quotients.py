"""Where something positive is divided by its own sum over the edges of a node.

What stands between a sum and the division by it may add to the sum, or bound it, and nothing else:
what is divided by the square root of its sum, as in a convolution, is no share of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from edgescope.capturing.discovery.dataflow import Flow, backward
from edgescope.capturing.discovery.index_operations import (
    Indexed,
    has_same_numbers,
    is_continued,
    is_sum,
    numbers_of,
)
from edgescope.capturing.discovery.steps import KEEPS, Step, Value

TIMES = KEEPS | {"mul", "where", "masked_fill", "clamp", "clamp_min", "clamp_max", "nan_to_num"}
"""Operations after which something is what it was, times something, or nothing."""

BOUNDS = KEEPS | {
    *("add", "clamp", "clamp_min", "clamp_max", "maximum", "minimum", "where", "masked_fill"),
    *("nan_to_num", "index_put", "_index_put_impl", "copy", "fill", "zero"),
}
"""Operations by which a sum stays what it was, but for what keeps it from zero or is added."""

LOGARITHMS = BOUNDS | {"log", "log1p", "sub", "logaddexp", "neg", "rsub", "exp"}
"""Operations by which the logarithm of a sum is taken off."""

CLOSE = 1e-3
"""How near to one a sum of shares is."""

INVERSES = frozenset({"reciprocal", "div", "pow", "rdiv"})

EXPONENTIALS = frozenset({"exp", "exp2"})


class Quotient(NamedTuple):
    """Something divided by its own sum."""

    total: Indexed
    """Where it is summed over the edges of a node."""
    weight: Value | None
    """The result, with a row per edge; ``None`` if only sums are divided."""
    back: Indexed | None = None
    """Where the sum is gathered back to the edges."""
    below: Value | None = None
    """What sums are divided by."""
    summed: Indexed | None = None
    """Where what is divided later is summed."""

    def indices(self) -> list[Indexed]:
        """Return all that has to be by one index."""
        return [each for each in (self.total, self.back, self.summed) if each is not None]


def divided_before(
    flow: Flow, positive: Value, sums: list[Indexed], atom: int
) -> Iterator[Quotient]:
    """Give what is computed of something and of its sum, gathered back to the edges."""
    own = times(flow, positive, atom)
    for total in sums:
        if total.rows.number not in own or not is_whole(total):
            continue
        nodes = divisors(flow, total.step.results, None)
        for back in flow.gathers[atom]:
            if back.rows.number not in nodes or not has_same_numbers(back, total):
                continue
            spread = divisors(flow, back.step.results[:1], atom, nodes[back.rows.number][1])
            for step, _ in meetings(own, {n: value for n, (value, _) in spread.items()}):
                yield Quotient(total, step.results[0], back)


def is_whole(total: Indexed) -> bool:
    """Return whether a sum is over all edges of a node, and not one of the pieces of it."""
    return is_sum(total.step) and not is_continued(total)


def times(flow: Flow, value: Value, atom: int) -> dict[int, Value]:
    """Return a value, and what is it times something, with the same rows."""
    return flow.onward([value], lambda step, result: step.name in TIMES and flow.has(result, atom))


def divisors(
    flow: Flow, results: Iterable[Value], atom: int | None, inverted: bool = False
) -> dict[int, tuple[Value, bool]]:
    """Return what is computed of a sum to divide by it, and whether it is inverted by then."""
    found = {value.number: (value, inverted) for value in results}
    left = list(found.values())
    while left:
        value, upside = left.pop()
        for step in value.uses:
            inverts = not upside and is_inverse(step, value)
            if not (inverts or (step.name in BOUNDS and (not upside or step.name in TIMES))):
                continue
            for result in step.results:
                if result.number not in found and (atom is None or flow.has(result, atom)):
                    found[result.number] = (result, upside or inverts)
                    left.append(found[result.number])
    return found


def is_inverse(step: Step, value: Value) -> bool:
    """Return whether an operation computes one over a value."""
    if step.name == "reciprocal":
        return True
    if step.name == "pow":
        return step.args[0] is value and step.args[1] == -1
    if step.name == "div" and step.args[1] is value:
        above = step.args[0]
        return isinstance(above, Value) and above.step is not None and above.step.name in _ONES
    return False


_ONES = frozenset({"ones", "ones_like", "full", "full_like", "scalar_tensor", "new_ones"})


def meetings(
    above: Mapping[int, Value], below: Mapping[int, Value]
) -> Iterator[tuple[Step, Value]]:
    """Give the operations that divide one of some values by one of others, in their order."""
    steps = {step.number: step for value in below.values() for step in value.uses}
    for number in sorted(steps):
        step = steps[number]
        if step.name not in {"div", "mul"} or len(step.args) < 2:  # noqa: PLR2004  (two factors)
            continue
        one, other = step.args[:2]
        if not isinstance(one, Value) or not isinstance(other, Value):
            continue
        if one.number in above and other.number in below:
            yield step, other
        elif step.name == "mul" and other.number in above and one.number in below:
            yield step, one


def by_logarithms(flow: Flow, positive: Value, atom: int) -> Iterator[Quotient]:
    """Give an exponential that is a share by itself, as a logarithm was taken off first."""
    assert positive.step is not None
    before = backward(next(positive.step.inputs()))
    names = {each.step.name for each in before.values() if each.step is not None}
    if "logsumexp" in names:
        yield from _by_logsumexp(flow, positive, before, atom)
    if not names & {"log", "log1p"}:
        return
    for total in reversed(flow.scatters[atom]):  # the last one is that of this attention
        if total.rows.number not in before or not is_whole(total):
            continue
        nodes = flow.onward(total.step.results, lambda step, _: step.name in LOGARITHMS)
        for back in flow.gathers[atom]:
            if back.rows.number not in nodes or not has_same_numbers(back, total):
                continue
            after = flow.onward(back.step.results[:1], lambda step, _: step.name in LOGARITHMS)
            if positive.number in after:
                yield Quotient(total, positive, back)


def _by_logsumexp(
    flow: Flow, positive: Value, before: Mapping[int, Value], atom: int
) -> Iterator[Quotient]:
    """Give an exponential off which torch's logarithm of a sum of exponentials was taken first."""
    for back in flow.gathers[atom]:
        total = back.rows
        while total.step is not None and total.step.name in KEEPS:
            total = next(total.step.inputs())
        if total.step is None or total.step.name != "logsumexp" or total.number not in before:
            continue
        after = flow.onward(back.step.results[:1], lambda step, _: step.name in LOGARITHMS)
        if positive.number in after and _sums_to_one(flow, positive, back, atom):
            yield Quotient(Indexed(total.step, positive, back.by, back.dim), positive, back)


def _sums_to_one(flow: Flow, value: Value, by: Indexed, atom: int) -> bool:
    """Return whether rows with the same number sum to one."""
    at = [n for n, dim in enumerate(value.dims) if flow.roots(dim) == (atom,)]
    if len(at) != 1 or not by.by.tensor.numel():
        return False
    rows, node = value.now.movedim(at[0], 0).flatten(1).double(), numbers_of(by.by, by.dim)
    total = rows.new_zeros(int(node.max()) + 1, rows.size(1)).index_add(0, node, rows)
    return bool(((total[node] - 1).abs() <= CLOSE).all())


def divided_after(
    flow: Flow, positive: Value, sums: list[Indexed], atom: int
) -> Iterator[Quotient]:
    """Give sums of messages that are divided by the sum of what they were multiplied by."""
    own = times(flow, positive, atom)
    here = [each for each in sums if each.rows.number in own]
    for total in here:
        if not is_whole(total):
            continue
        below = divisors(flow, total.step.results, None)
        for summed in here:
            if summed.step is total.step or not is_whole(summed):
                continue
            if not has_same_numbers(summed, total):
                continue
            above = flow.onward(summed.step.results, lambda step, _: step.name in KEEPS)
            lower = {n: value for n, (value, _) in below.items()}
            for _, by in meetings(above, lower):
                plain = upright(by) if below[by.number][1] else by
                if plain is not None:
                    yield Quotient(total, None, None, plain, summed)


def upright(value: Value) -> Value | None:
    """Return what a value is one over, but for its form."""
    while value.step is not None:
        step = value.step
        if step.name in INVERSES:
            return step.args[1] if step.name == "div" else next(step.inputs())
        if step.name not in KEEPS:
            return None
        value = next(step.inputs())
    return None
