"""A softmax over some edges of a node, such as those of one relation, of which all are summed."""

import torch

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.edge_softmax import Attention, heads_of
from edgescope.capturing.discovery.index_operations import Indexed, is_sum, numbers_of
from edgescope.capturing.discovery.quotients import times
from edgescope.capturing.discovery.recipes import layout
from edgescope.capturing.discovery.shifts import unshifted


def in_groups(flow: Flow, found: Attention) -> Attention:
    """Return an attention with the node at which its messages are summed, if groups are not nodes.

    Args:
        flow: the trace.
        found: an attention, whose target is the group over which it is normalised.
    """
    if found.weight is None or found.message is not None or found.kind != "softmax":
        return found
    own = times(flow, found.weight, found.atom)
    sums = [e for e in flow.scatters[found.atom] if is_sum(e.step) and e.rows.number in own]
    for each in sums:
        if each.rows.number != found.target.rows.number and _holds(each, found.target):
            if found.logit is not None:  # what is taken off is the largest one of a group
                found.logit = unshifted(flow, found.logit, found)
            found.kind = "grouped softmax"
            found.target, found.message = each, each.rows
            found.heads = heads_of(flow, found.weight, each.rows, found.atom)
            found.steps.append(each.step)
            found.indices.append(each)
            for stage, value in (("weight", found.weight), ("message", each.rows)):
                found.take(stage, value, layout(flow, value.dims, found.atom, found.heads))
            return found
    return found


def _holds(node: Indexed, group: Indexed) -> bool:
    """Return whether all rows of every group are at one node, and some group has several."""
    groups, nodes = numbers_of(group.by, group.dim), numbers_of(node.by, node.dim)
    if not groups.numel() or groups.shape != nodes.shape:
        return False
    first = nodes.new_zeros(int(groups.max()) + 1)
    first[groups] = nodes
    return torch.equal(first[groups], nodes) and int(groups.bincount().max()) > 1
