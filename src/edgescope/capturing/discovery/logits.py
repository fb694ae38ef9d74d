"""The logits and scores of an attention, traced back from what its exponential was taken of."""

from edgescope.capturing.discovery.dataflow import GATHERS, KEEPS, SCATTERS, Flow, backward, numbers_of
from edgescope.capturing.discovery.edge_attention import Attention
from edgescope.capturing.discovery.recipes import Factors, Recipe, Scaled, Taken, layout
from edgescope.capturing.discovery.trace import Step, Value, is_pointwise

_MAXIMA = frozenset(
    {"amax", "max", "scatter_reduce", "index_reduce", "segment_reduce", "logsumexp", "log"}
)
"""Operations behind what is taken off every logit of a node, as it changes no weight."""

SMALL = 4096
"""Numbers of a matrix that may stand for the channels of a score: a projection to the logits."""


def add_logit(flow: Flow, found: Attention) -> None:
    """Add how the logit, and the score whose channels it sums, are had."""
    logit = unshifted(flow, found.logit, found)
    found.logit = logit
    own = layout(flow, logit.dims, found.atom, found.heads)
    if own is None:
        return
    found.recipes["logit"] = Taken(logit.number, own)
    score = _score(flow, logit, found)
    if score is not None:
        found.recipes["score"] = score


def unshifted(flow: Flow, value: Value, found: Attention) -> Value:
    """Return a logit before the largest one of each node was taken off."""
    while value.step is not None:
        step = value.step
        if step.name in KEEPS and _is_rows(flow, step, found):
            value = next(step.inputs())
            continue
        inputs = list(step.inputs())
        if step.name != "sub" or len(inputs) != 2:  # noqa: PLR2004  (what is left, and a shift)
            return value
        whole, shift = inputs
        if not flow.has(whole, found.atom) or not _is_shift(flow, shift, whole, found):
            return value
        value = whole
    return value


def _is_rows(flow: Flow, step: Step, found: Attention) -> bool:
    return flow.has(next(step.inputs()), found.atom)


def _is_shift(flow: Flow, shift: Value, whole: Value, found: Attention) -> bool:
    """Return whether a number is the same for all edges of a node, and found from their logits."""
    before = backward(shift)
    if not any(each.step and each.step.name in _MAXIMA for each in before.values()):
        return False
    if not {whole.number, *_forms(whole)} & before.keys():
        return False
    if found.atom not in flow.atoms(shift):
        return True  # one number for all
    rows = layout(flow, shift.dims, found.atom, flow.atoms(shift))
    if rows is None:
        return False
    numbers = rows.arrange(shift.now).flatten(1)
    node = numbers_of(found.target.by, found.target.dim)
    if not len(node):
        return True
    first = numbers.new_zeros(int(node.max()) + 1, numbers.size(1))
    first[node] = numbers
    return bool((first[node] == numbers).all())


def _forms(value: Value) -> set[int]:
    """Return the numbers of what a value is another form of."""
    found = {value.number}
    while value.step is not None and value.step.name in KEEPS:
        value = next(value.step.inputs())
        found.add(value.number)
    return found


def _score(flow: Flow, logit: Value, found: Attention) -> Recipe | None:
    """Return what is summed over channels into a logit, if something is.

    A number that the sum is multiplied by multiplies each channel.
    """
    value = logit
    factors: list[tuple[bool, float | int]] = []
    plain = True
    while value.step is not None:
        step = value.step
        inputs = [each for each in step.inputs() if flow.has(each, found.atom)]
        if step.name in {"sum", "mean"} and len(inputs) == 1:
            summed = _summed(flow, inputs[0], found)
            found.score = inputs[0]
            if step.name == "mean" and summed is not None:
                size = inputs[0].tensor.numel() / max(step.results[0].tensor.numel(), 1)
                factors.append((True, float(size)))
            return Scaled(summed, tuple(factors)) if summed and factors and plain else summed
        if step.name in {"bmm", "mm", "addmm", "mv"}:
            product = _factors(flow, step, found)
            return Scaled(product, tuple(factors)) if product and factors and plain else product
        if step.name in GATHERS | SCATTERS or len(inputs) != 1:
            return None
        if not (is_pointwise(step) or step.name in KEEPS):
            return None
        factor = _factor(step, inputs[0])
        if factor is not None:
            factors.append(factor)
        elif step.name not in KEEPS:
            plain = False
        value = inputs[0]
    return None


def _factor(step: Step, value: Value) -> tuple[bool, float | int] | None:
    """Return the one number that an operation multiplies or divides a value by."""
    if step.name not in {"mul", "div"} or step.args[0] is not value:
        return None
    by = step.args[1]
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
    if not flow.has(one, found.atom) or one.tensor.dim() != other.tensor.dim() + (
        step.name == "mv"
    ):
        return None
    summed = flow.axes.roots(one.dims[-1])
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
    return Factors(one.number, of_one, other.number, of_other)
