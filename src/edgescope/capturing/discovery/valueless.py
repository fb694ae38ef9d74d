"""What attends or normalises without a value per edge, and why it has none."""

from collections.abc import Iterator, Sequence

from edgescope.capturing.discovery.dataflow import Flow, backward
from edgescope.capturing.discovery.edge_softmax import Attention
from edgescope.capturing.discovery.pair_attention import MATRICES
from edgescope.capturing.discovery.program import AnyAttention
from edgescope.capturing.discovery.quotients import EXPONENTIALS
from edgescope.capturing.discovery.steps import KEEPS, Step, Value, is_pointwise

NEVER_FORMED = (
    "its keys and values are summed over the nodes before its queries come to them, as in linear "
    "attention, so no weight of a pair is ever formed"
)
"""Why linear attention has no value per pair."""

SUMMED = (
    "its softmax is of a sparse matrix in which several edges stand in one place and are added up, "
    "so it has no value per edge"
)
"""Why a softmax of a sparse matrix may have no value per edge."""


def others(flow: Flow, found: Sequence[AnyAttention]) -> Iterator[tuple[str, str]]:
    """Give where a softmax is taken that is no attention along edges, and why it is none."""
    known = {step.number for each in found for step in each.steps}
    for step in flow.trace.steps:
        if step.name == "_sparse_softmax":  # of which no entries are edges
            yield step.calls[-1][0] if step.calls else "", SUMMED
        if step.name not in {"_softmax", "_safe_softmax"} or step.number in known:
            continue
        value = step.results[0]
        at = next((each for each in step.args[1:] if isinstance(each, int)), -1)
        if not value.dims:
            continue
        size = value.tensor.size(at)
        path = step.calls[-1][0] if step.calls else ""
        if set(flow.axes.roots(value.dims[at])) & flow.features:
            what = f"{size} channels or heads"
        else:
            what = f"a dimension of size {size} that holds no edges and no second set of its nodes"
        reason = (
            f"its softmax is over {what}, such as a read-out or a list of neighbours, so it has no "
            "value per edge"
        )
        yield path, reason


def never_formed(flow: Flow) -> Iterator[tuple[str, str]]:
    """Give where keys and values are summed over the nodes before a query comes to them.

    As in linear attention (Katharopoulos et al., arXiv 2006.16236), Performer and SGFormer: the
    weight of a pair of nodes is never computed.
    """
    for step in flow.trace.steps:
        if step.name not in MATRICES or not step.results:
            continue
        one, other = [each for each in step.args if isinstance(each, Value)][-2:]
        summed = flow.axes.roots(one.dims[-1])
        if len(summed) != 1 or summed[0] in flow.features or step.results[0].dims[-1] == ():
            continue
        alone = all(flow.atoms(each).count(summed[0]) == 1 for each in (one, other))
        if not alone or summed[0] in flow.atoms(step.results[0]):
            continue
        if any(len(flow.atoms(each)) < 2 for each in (one, other)):  # noqa: PLR2004  (channels too)
            continue
        after = flow.onward(step.results, lambda s, _: is_pointwise(s) or s.name in KEEPS)
        for use in (use for value in after.values() for use in value.uses):
            if use.name in MATRICES and summed[0] in flow.atoms(use.results[0]):
                path = step.calls[-1][0] if step.calls else ""
                yield path, NEVER_FORMED
                break


def not_recognised(flow: Flow, found: Sequence[AnyAttention]) -> Iterator[tuple[str, str]]:
    """Give where an exponential along edges is summed at the nodes that is in no attention."""
    known = {step.number for each in found for step in each.steps}
    for each in found:  # also between its logit and its weight, as where a logarithm is subtracted
        if isinstance(each, Attention) and each.logit is not None and each.weight is not None:
            between = backward(each.weight, {each.logit.number}).values()
            known.update(value.step.number for value in between if value.step is not None)
    for step in flow.trace.steps:
        if step.name not in EXPONENTIALS or step.number in known or not step.results:
            continue
        for atom in dict.fromkeys(flow.atoms(step.results[0])):
            if atom not in flow.scatters or not flow.has(step.results[0], atom):
                continue
            along = flow.onward(step.results[:1], lambda s, _: _is_along(s))
            if any(each.rows.number in along for each in flow.scatters[atom]):
                yield step.calls[-1][0] if step.calls else "", NOT_RECOGNISED


def _is_along(step: Step) -> bool:
    """Return whether an operation works row by row, or sums kernels or channels of a row."""
    return is_pointwise(step) or step.name in KEEPS | {"sum", "mean"}


NOT_RECOGNISED = (
    "an exponential along edges is summed at the nodes, and no softmax over the edges of a node "
    "was recognised in it"
)
"""Why an exponential along edges is no attention that can be captured."""
