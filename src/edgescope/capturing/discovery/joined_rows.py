"""Rows of which some are edges, or which are edges part by part: what stands in one tensor.

Beside the edges there may be a row for every node that is no edge, such as a learned sink, or the
edges of each relation may have been worked on by themselves before they were normalised together.
"""

from typing import NamedTuple

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.edge_softmax import Attention, heads_of
from edgescope.capturing.discovery.index_operations import Indexed, has_same_numbers, is_sum
from edgescope.capturing.discovery.quotients import EXPONENTIALS, TIMES, times
from edgescope.capturing.discovery.recipes import layout
from edgescope.capturing.discovery.shifts import unshifted
from edgescope.capturing.discovery.steps import KEEPS, Value


class Part(NamedTuple):
    """A part of the rows of an attention."""

    atom: int
    """What its rows are."""
    by: Value
    """The part of the index of targets."""


def parts_of(flow: Flow, found: Attention) -> list[Part]:
    """Return the parts of which the rows of an attention were joined, if their targets were too."""
    joined = _cat(found.target.by)
    dims = flow.axes.joined((found.atom,))
    if joined is None or not dims:
        return []
    values = [each for each in joined if each.tensor.numel()]
    if len(values) != len(dims) or any(each.tensor.dim() != 1 for each in values):
        return []
    atoms = [flow.axes.roots(dim) for dim in dims]
    if any(len(dim) != 1 for dim in atoms) or len(set(atoms)) != len(atoms):
        return []
    if any(flow.axes.roots(v.dims[0]) != dim for v, dim in zip(values, atoms, strict=True)):
        return []
    return [Part(dim[0], value) for dim, value in zip(atoms, values, strict=True)]


def _cat(value: Value) -> list[Value] | None:
    """Return what a value was joined from along its first dimension."""
    while value.step is not None and value.step.name in KEEPS:
        value = next(value.step.inputs())
    step = value.step
    if step is None or step.name != "cat" or (step.args[1] if len(step.args) > 1 else 0) != 0:
        return None
    return [each for each in step.args[0] if isinstance(each, Value)]


def edges_alone(flow: Flow, found: Attention) -> Attention:
    """Return an attention without the rows that are no edges, if only the others weigh something.

    Args:
        flow: the trace.
        found: an attention.
    """
    if found.weight is None or found.logit is None or found.message is not None:
        return found
    for part in parts_of(flow, found):
        alone = _alone(flow, found, part)
        if alone is not None:
            return alone
    return found


def _alone(flow: Flow, found: Attention, part: Part) -> Attention | None:
    """Return the part of an attention by which messages are multiplied, and summed."""
    assert found.weight is not None
    assert found.logit is not None
    step = found.positive.step
    if step is None or (step.name in EXPONENTIALS and step.name != "exp"):
        return None
    cut = flow.onward([found.weight], lambda s, _: s.name in TIMES | {"split", "split_with_sizes"})
    weights = [v for _, v in sorted(cut.items()) if flow.has(v, part.atom)]
    logits = _cat(unshifted(flow, found.logit, found))
    logits = [each for each in logits or () if flow.has(each, part.atom)]
    if not weights or len(logits) != 1:
        return None
    weight, target = weights[0], found.target._replace(by=part.by, dim=0)
    own = times(flow, weight, part.atom)
    sums = [each for each in flow.scatters[part.atom] if is_sum(each.step)]
    sums = [each for each in sums if each.rows.number in own and has_same_numbers(each, target)]
    if not sums or weight.step is None:
        return None
    summed: Indexed = sums[0]
    heads = heads_of(flow, weight, summed.rows, part.atom)
    alone = Attention(
        kind=found.kind,
        atom=part.atom,
        target=target,
        logit=logits[0],
        positive=weight,
        heads=heads,
        weight=weight,
        message=summed.rows,
        steps=[*found.steps, summed.step],
        indices=[summed],
    )
    alone.take("weight", weight, layout(flow, weight.dims, part.atom, heads))
    alone.take("message", summed.rows, layout(flow, summed.rows.dims, part.atom, heads))
    return alone
