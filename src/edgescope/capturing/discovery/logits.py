"""The logits and scores of an attention, traced back from what its exponential was taken of."""

from math import log

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.edge_softmax import Attention
from edgescope.capturing.discovery.recipes import Factors, Recipe, Scale, Scaled, Taken, layout
from edgescope.capturing.discovery.shifts import unshifted
from edgescope.capturing.discovery.steps import KEEPS, Step, Value, is_pointwise

SMALL = 4096
"""Numbers of a matrix that may stand for the channels of a score: a projection to the logits."""


def add_logit(flow: Flow, found: Attention) -> None:
    """Add how the logit, and the score whose channels it sums, are had."""
    if found.logit is None:
        return
    logit = unshifted(flow, found.logit, found)
    found.logit = logit
    own = layout(flow, logit.dims, found.atom, found.heads)
    if own is None:
        return
    # A power of two is one of e, of a logit that was multiplied before.
    is_two = found.positive.step is not None and found.positive.step.name == "exp2"
    scale: Scale = ((False, log(2)),) if is_two else ()
    taken = Taken(logit.number, own)
    found.recipes["logit"] = Scaled(taken, scale) if scale else taken
    if not found.heads and len(flow.atoms(found.positive)) > 1:
        return  # a channel each, so that no channels were summed
    score = _score(flow, logit, found, scale)
    if score is not None:
        found.recipes["score"] = score


def _score(
    flow: Flow,
    logit: Value,
    found: Attention,
    scale: Scale = (),
    *,
    of_pairs: bool = False,
) -> Recipe | None:
    """Return what is summed over channels into a logit, if something is.

    A number that the sum is multiplied by, before anything else is done with it, multiplies each
    channel. Where a logit is a sum, the score is in the part in which both ends of an edge are
    multiplied, if one is.

    Args:
        flow: the trace.
        logit: the logit.
        found: the attention.
        scale: what the logit was multiplied by.
        of_pairs: whether only a sum of products of two things with a row per edge counts.
    """
    value = logit
    factors: list[tuple[bool, float | int]] = list(scale)
    while value.step is not None:
        step = value.step
        inputs = [each for each in step.inputs() if flow.has(each, found.atom)]
        if step.name in SUMS:
            summed = _channels(flow, step, inputs, found, factors, of_pairs=of_pairs)
            return Scaled(summed, tuple(factors)) if summed and factors else summed
        if step.name in {"add", "sub"} and len(inputs) > 1:
            of_pairs = True
            scores = [each for each in inputs if _score(flow, each, found, of_pairs=True)]
            if len(scores) != 1:
                return None
            if step.name == "sub" and step.args[0] is not scores[0]:
                factors.append((False, -1.0))
            inputs = scores
        if len(inputs) != 1 or not (is_pointwise(step) or _keeps(step)):
            return None
        factor = _factor(step, inputs[0])
        if factor is not None:
            factors.append(factor)
        elif not (_keeps(step) or step.name in {"add", "sub"}):
            factors.clear()  # what comes after is not what was summed
        value = inputs[0]
    return None


def _keeps(step: Step) -> bool:
    """Return whether numbers are what they were, as after a dimension of one was dropped."""
    if step.name == "select":
        given = next(step.inputs()).tensor
        return given.numel() == step.results[0].tensor.numel()
    return step.name in KEEPS


SUMS = frozenset({"sum", "mean", "bmm", "mm", "addmm", "mv", "baddbmm", "addmv"})
"""Operations that sum over channels."""


def _channels(
    flow: Flow,
    step: Step,
    inputs: list[Value],
    found: Attention,
    factors: list[tuple[bool, float | int]],
    *,
    of_pairs: bool,
) -> Recipe | None:
    """Return what an operation sums over channels; a mean adds a factor."""
    if step.name not in {"sum", "mean"}:
        return None if of_pairs and len(inputs) < 2 else _factors(flow, step, found)  # noqa: PLR2004  (both ends)
    if len(inputs) != 1 or (of_pairs and not _is_product(flow, inputs[0], found)):
        return None
    summed = _summed(flow, inputs[0], found)
    found.score = inputs[0]
    if step.name == "mean" and summed is not None:
        size = inputs[0].tensor.numel() / max(step.results[0].tensor.numel(), 1)
        factors.append((True, float(size)))
    return summed


def _is_product(flow: Flow, value: Value, found: Attention) -> bool:
    """Return whether a value is a product of two things with a row per edge."""
    while value.step is not None:
        inputs = [each for each in value.step.inputs() if flow.has(each, found.atom)]
        if value.step.name == "mul" and len(inputs) > 1:
            return True
        if len(inputs) != 1 or not (value.step.name == "mul" or value.step.name in KEEPS):
            return False
        value = inputs[0]
    return False


def _factor(step: Step, value: Value) -> tuple[bool, float | int] | None:
    """Return the one number that an operation multiplies or divides a value by."""
    if step.name == "neg":
        return False, -1.0
    if step.name not in {"mul", "div"} or (step.name == "div" and step.args[0] is not value):
        return None
    by = step.args[1] if step.args[0] is value else step.args[0]
    if isinstance(by, Value):
        return (step.name == "div", by.number) if by.tensor.numel() == 1 else None
    return step.name == "div", float(by)


def _summed(flow: Flow, value: Value, found: Attention) -> Taken | None:
    heads = [each for each in flow.atoms(found.positive) if each != found.atom]
    rows = layout(flow, value.dims, found.atom, heads)
    if rows is None or len(rows.order) <= 1 + rows.heads:
        return None
    return Taken(value.number, rows)


def _factors(flow: Flow, step: Step, found: Attention) -> Factors | None:
    """Return the factors of a matrix product whose rows are edges, and whose result are heads."""
    one, other = [each for each in step.args if isinstance(each, Value)][-2:]
    if one.tensor.dim() != other.tensor.dim() + (step.name in {"mv", "addmv"}):
        return None
    summed = flow.roots(one.dims[-1])
    if not flow.has(one, found.atom):
        one, other = other, one  # as einsum may order them, or who multiplies from the left
    if not flow.has(one, found.atom):
        return None
    heads = [root for root in flow.atoms(found.positive) if root != found.atom]
    if found.atom in summed or set(summed) & set(heads):
        return None
    if not flow.has(other, found.atom) and other.tensor.numel() > SMALL:
        return None
    of_one = layout(flow, one.dims, found.atom, heads)
    dims = other.dims if flow.has(other, found.atom) else (*other.dims, (found.atom,))
    of_other = layout(flow, dims, found.atom, heads)
    if of_one is None or of_other is None:
        return None
    if not flow.has(other, found.atom):
        sizes = tuple(1 if size == -1 else size for size in of_other.sizes)
        of_other = of_other._replace(sizes=sizes)
    result = step.results[0]
    of_sum = layout(flow, result.dims, found.atom, heads)
    total = None if of_sum is None else Taken(result.number, of_sum)
    return Factors(one.number, of_one, other.number, of_other, total)
