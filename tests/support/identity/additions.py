"""Operations that add edges to those of a flow."""

from dataclasses import replace

import torch
from torch_geometric.utils import add_remaining_self_loops, add_self_loops, to_undirected

from support.identity.flow import REVERSED, operation
from support.identity.layers import ADDED


@operation("append loops", known=True)
def _append_loops(flow, _):
    return flow.extended(flow.edges, torch.arange(flow.nodes).repeat(2, 1)) if flow.square else None


@operation("prepend loops", known=True)
def _prepend_loops(flow, _):
    if not flow.square:
        return None
    return flow.extended(flow.edges, torch.arange(flow.nodes).repeat(2, 1), "start")


@operation("add_self_loops", known=True)
def _add_self_loops(flow, _):
    if not flow.square:
        return None
    return flow.having(*add_self_loops(flow.edges, flow.tag, ADDED, num_nodes=flow.nodes))


@operation("remove loops, add loops", known=True)
def _replace_loops(flow, _):
    if not flow.square:
        return None
    keep = flow.edges[0] != flow.edges[1]
    own = flow.having(flow.edges[:, keep], flow.tag[keep])
    return own.extended(own.edges, torch.arange(flow.nodes).repeat(2, 1))


@operation("add_remaining_self_loops", known=False)
def _add_remaining(flow, _):
    # Of several loops at a node PyG keeps one, and which is not defined.
    loops = flow.edges[0, flow.edges[0] == flow.edges[1]]
    if not flow.square or loops.unique().numel() < loops.numel():
        return None
    return flow.having(*add_remaining_self_loops(flow.edges, flow.tag, ADDED, num_nodes=flow.nodes))


def _some(flow, rng):
    """Draw edges that are not the user's, some of which may look like the user's."""
    size = int(rng.integers(1, 4))
    targets = flow.nodes if flow.y is None else flow.y.size(0)
    new = torch.stack(
        [torch.from_numpy(rng.integers(0, max(n, 1), size)) for n in (flow.nodes, targets)]
    )
    if flow.size:
        # By its numbers only: a copy of a column would be the user's edge once more.
        new[:, 0] = torch.tensor(flow.edges[:, int(rng.integers(flow.size))].tolist())
    return new


@operation("append edges", known=True)
def _append(flow, rng):
    return flow.extended(flow.edges, _some(flow, rng)) if flow.nodes else None


@operation("prepend edges", known=True)
def _prepend(flow, rng):
    return flow.extended(flow.edges, _some(flow, rng), "start") if flow.nodes else None


@operation("drop an edge, append one", known=True)
def _exchange(flow, rng):
    if not flow.size:
        return None
    return flow.having(flow.edges[:, 1:], flow.tag[1:]).extended(
        flow.edges[:, 1:], _some(flow, rng)[:, :1]
    )


@operation("append reversed edges", known=True)
def _append_reversed(flow, _):
    if not flow.square or bool((flow.tag % 1 != 0).any()):
        return None
    edges = torch.cat([flow.edges, flow.edges.flip(0)], dim=1)
    return flow.having(edges, torch.cat([flow.tag, _reversed(flow.tag)]))


def _reversed(tag):
    return (tag + REVERSED).where(tag >= 0, tag)


@operation("to_undirected", known=False)
def _to_undirected(flow, _):
    # Copies that would be merged with others are no edge of the user's: left out of the trial.
    both = torch.cat([flow.edges, flow.edges.flip(0)], dim=1)
    if not flow.square or torch.unique(both, dim=1).size(1) < both.size(1):
        return None
    tag = torch.cat([flow.tag, _reversed(flow.tag)])
    key = both[0] * flow.nodes + both[1]
    edges = to_undirected(flow.edges, num_nodes=flow.nodes)
    place = torch.searchsorted(key.sort().values, edges[0] * flow.nodes + edges[1])
    return flow.having(edges, tag[key.argsort()][place])


@operation("virtual node", known=True)
def _virtual_node(flow, _):
    if not flow.square or flow.batch is not None:
        return None
    nodes = torch.arange(flow.nodes)
    more = torch.stack([nodes, torch.full_like(nodes, flow.nodes)])
    x = torch.cat([flow.x, flow.x.new_full((1, 1), ADDED)])
    return replace(flow.extended(flow.edges, more), x=x)
