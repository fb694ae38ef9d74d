"""Softmax that is no attention along edges or pairs of nodes, and has no value per edge."""

from collections.abc import Iterator, Sequence

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.edge_attention import Attention
from edgescope.capturing.discovery.pair_attention import PairAttention


def others(flow: Flow, found: Sequence[Attention | PairAttention]) -> Iterator[tuple[str, str]]:
    """Give where a softmax is taken that is no attention along edges, and why it is none."""
    known = {step.number for each in found for step in each.steps}
    for step in flow.trace.steps:
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
        yield (
            path,
            f"its softmax is over {what}, such as a read-out or a list of neighbours, so it has no "
            "value per edge",
        )
