"""Operations that exchange ends, renumber nodes, or make edges of the model's own."""

from dataclasses import replace

import torch
from torch_geometric.utils import dense_to_sparse, subgraph, to_dense_adj

from support.identity.flow import chosen, operation
from support.identity.layers import ADDED


@operation("exchange ends by flip", known=True)
def _flip_ends(flow, _):
    return flow.having(flow.edges.flip(0)) if flow.square else None


@operation("exchange ends by index", known=True)
def _index_ends(flow, _):
    return flow.having(flow.edges[[1, 0]]) if flow.square else None


@operation("exchange ends by stack", known=True)
def _stack_ends(flow, _):
    row, col = flow.edges
    return flow.having(torch.stack([col, row])) if flow.square else None


@operation("exchange ends and sort", known=True)
def _flip_and_sort(flow, _):
    if not flow.square:
        return None
    edges = flow.edges.flip(0)
    order = (edges[0] * max(flow.nodes, 1) + edges[1]).argsort(stable=True)
    return flow.having(edges[:, order], flow.tag[order])


def _relabelled(flow, order, *, ordered):
    """Renumber nodes so that row ``k`` is what was node ``order[k]``."""
    number = torch.empty_like(order)
    number[order] = torch.arange(len(order))
    edges, tag = number[flow.edges], flow.tag
    if ordered:
        place = (edges[0] * max(flow.nodes, 1) + edges[1]).argsort(stable=True)
        edges, tag = edges[:, place], tag[place]
    batch = None if flow.batch is None else flow.batch[order]
    return replace(flow, edges=edges, tag=tag, x=flow.x[order], batch=batch)


def _within_graphs(flow, rng):
    """Draw an order of nodes that leaves graphs together."""
    order = torch.from_numpy(rng.permutation(flow.nodes))
    return order if flow.batch is None else order[flow.batch[order].argsort(stable=True)]


for _ordered in (False, True):
    _how = " and sort" if _ordered else ""

    @operation(f"permute nodes{_how}", known=False)
    def _permute_nodes(flow, rng, ordered=_ordered):
        order = torch.from_numpy(rng.permutation(flow.nodes))
        return _relabelled(flow, order, ordered=ordered) if flow.square else None

    @operation(f"permute nodes within graphs{_how}", known=False)
    def _permute_within(flow, rng, ordered=_ordered):
        return (
            _relabelled(flow, _within_graphs(flow, rng), ordered=ordered) if flow.square else None
        )

    @operation(f"roll nodes{_how}", known=False)
    def _roll_nodes(flow, _, ordered=_ordered):
        order = torch.arange(flow.nodes).roll(1)
        return _relabelled(flow, order, ordered=ordered) if flow.square else None


@operation("roll nodes, drop the last edge", known=False)
def _roll_and_drop(flow, _):
    if not flow.square or not flow.size:
        return None
    moved = _relabelled(flow, torch.arange(flow.nodes).roll(1), ordered=False)
    return moved.having(moved.edges[:, :-1], moved.tag[:-1])


@operation("subgraph with new numbers", known=False)
def _subgraph(flow, rng):
    if not flow.square:
        return None
    keep = torch.from_numpy(rng.random(flow.nodes) < 0.7)
    edges, tag = subgraph(keep, flow.edges, flow.tag, relabel_nodes=True, num_nodes=flow.nodes)
    batch = None if flow.batch is None else flow.batch[keep]
    return replace(flow, edges=edges, tag=tag, x=flow.x[keep], batch=batch)


@operation("pool", known=False)
def _pool(flow, rng):
    # As TopKPooling does: the kept nodes in an order of their own, edges between them by mask.
    if not flow.square:
        return None
    keep = torch.from_numpy(rng.permutation(flow.nodes)[: (flow.nodes + 1) // 2])
    number = torch.full((flow.nodes,), -1)
    number[keep] = torch.arange(len(keep))
    row, col = number[flow.edges[0]], number[flow.edges[1]]
    kept = (row >= 0) & (col >= 0)
    batch = None if flow.batch is None else flow.batch[keep]
    edges = torch.stack([row[kept], col[kept]])
    return replace(flow, edges=edges, tag=flow.tag[kept], x=flow.x[keep], batch=batch)


@operation("dense and back", known=False)
def _dense(flow, _):
    if not flow.square or not flow.simple or not flow.size or not flow.nodes:
        return None
    # A tag of 0 would be no edge.
    dense = to_dense_adj(flow.edges, edge_attr=flow.tag + 10, max_num_nodes=flow.nodes)
    edges, tag = dense_to_sparse(dense)
    return flow.having(edges, tag - 10)


def _own(flow, edges):
    return flow.having(edges, torch.full((edges.size(1),), ADDED, dtype=torch.float64))


@operation("complete graph", known=False)
def _complete(flow, _):
    if flow.nodes > 12 or not flow.square:
        return None
    return _own(flow, torch.ones(flow.nodes, flow.nodes).nonzero().t().contiguous())


@operation("complete graph without loops", known=False)
def _complete_no_loops(flow, _):
    if flow.nodes > 12 or not flow.square:
        return None
    return _own(flow, (1 - torch.eye(flow.nodes)).nonzero().t())


@operation("nearest neighbours", known=False)
def _nearest(flow, rng):
    if not flow.square or flow.nodes < 2:
        return None
    place = torch.from_numpy(rng.random((flow.nodes, 2)))
    near = torch.cdist(place, place).fill_diagonal_(9).argsort(1)[:, :2]
    target = torch.arange(flow.nodes).repeat_interleave(near.size(1))
    return _own(flow, torch.stack([near.flatten(), target]))


@operation("keep for the next batch", known=True)
def _keep(flow, _):
    flow.memory["earlier"] = flow.edges.clone()
    return flow


@operation("edges of an earlier batch", known=False)
def _earlier(flow, _):
    earlier = flow.memory.get("earlier batch")
    if earlier is None or not earlier.numel() or not flow.square:
        return None
    if int(earlier.max()) >= flow.nodes:
        return None
    return _own(flow, earlier)


@operation("edges of an earlier batch by mask", known=False)
def _earlier_masked(flow, rng):
    found = _earlier(flow, rng)
    if found is None:
        return None
    keep = chosen(found, rng)
    return found.having(found.edges[:, keep], found.tag[keep])
