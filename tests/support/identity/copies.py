"""Operations that give the columns of a flow's edges again: all, some, or in another order."""

import copy
import io
import pickle

import torch
from torch import Tensor
from torch_geometric.edge_index import EdgeIndex
from torch_geometric.utils import (
    coalesce,
    dropout_edge,
    k_hop_subgraph,
    remove_self_loops,
    sort_edge_index,
    subgraph,
)

from support.identity.flow import MERGED, chosen, copies, operation, permutation


def _saved(edges: Tensor) -> Tensor:
    file = io.BytesIO()
    torch.save(edges, file)
    file.seek(0)
    return torch.load(file)


def _filled(edges: Tensor) -> Tensor:
    return torch.empty_like(edges).copy_(edges)


def _by_index(edges: Tensor) -> Tensor:
    return edges.index_select(1, torch.arange(edges.size(1)))


def _gathered(edges: Tensor) -> Tensor:
    return edges.gather(1, torch.arange(edges.size(1)).expand(2, -1))


def _put(edges: Tensor) -> Tensor:
    return torch.zeros_like(edges).index_copy_(1, torch.arange(edges.size(1)), edges)


copies(
    known=True,
    same=lambda e: e,
    sliced=lambda e: e[:, :],
    clone=torch.clone,
    detach=lambda e: e.detach(),
    to_another_type_and_back=lambda e: e.to(torch.int32).to(torch.int64),
    contiguous_of_transposed=lambda e: e.t().contiguous().t(),
    contiguous=lambda e: e.contiguous(),
    stack_of_unbind=lambda e: torch.stack(e.unbind(0)),
    stack_of_rows=lambda e: torch.stack([e[0], e[1]]),
    cat_of_slices=lambda e: torch.cat([e[:, : e.size(1) // 2], e[:, e.size(1) // 2 :]], dim=1),
    cat_of_chunks=lambda e: torch.cat(e.chunk(3, dim=1), dim=1),
    cat_of_rows=lambda e: torch.cat([e[:1], e[1:]]),
    view_of_reshape=lambda e: e.reshape(-1).view(2, -1),
    unflatten_of_flatten=lambda e: e.flatten().unflatten(0, (2, -1)),
    squeeze_of_unsqueeze=lambda e: e.unsqueeze(0).squeeze(0),
    rows_by_index=lambda e: e[[0, 1]],
    select_all=_by_index,
    gather_all=_gathered,
    copy_into_new_memory=_filled,
    index_copy=_put,
    deepcopy=copy.deepcopy,
    data=lambda e: e.data,
    strided=lambda e: e.as_strided(e.size(), e.stride(), e.storage_offset()),
    expanded=lambda e: e[None].expand(2, -1, -1)[1],
    padded=lambda e: torch.nn.functional.pad(e, (1, 1))[:, 1:-1],
    split=lambda e: torch.hstack(e.tensor_split(2, dim=1)),
    flipped_twice=lambda e: e.flip(1).flip(1),
    moved_axes=lambda e: e.movedim(0, 1).swapaxes(0, 1),
    rolled_there_and_back=lambda e: e.roll(1, dims=1).roll(-1, dims=1),
    nonzero_of_all=lambda e: e[:, torch.ones(e.size(1)).nonzero().squeeze(1)],
    where=lambda e: e[:, torch.where(torch.ones(e.size(1)) > 0)[0]],
    unbound_columns=lambda e: torch.stack(e.unbind(1), dim=1) if e.size(1) else e.clone(),
)
copies(
    known=False,
    list=lambda e: torch.tensor(e.tolist(), dtype=torch.int64).view(2, -1),
    numpy=lambda e: torch.from_numpy(e.numpy().copy()),
    numpy_alias=lambda e: torch.from_numpy(e.numpy()),
    dlpack_alias=lambda e: torch.from_dlpack(e) if e.size(1) else e,
    plus_zero=lambda e: e + 0,
    floats=lambda e: e.double().long(),
    pickle=lambda e: pickle.loads(pickle.dumps(e)),  # noqa: S301  (our own bytes)
    saved=_saved,
    edge_index_class=EdgeIndex,
    minimum=lambda e: torch.minimum(e, e),
)


def _selections(known: bool, **functions) -> None:
    """Enter functions of the edges and an order ``[K]`` that give the columns in that order."""
    for name, function in functions.items():

        def permuted(flow, rng, function=function):
            order = permutation(flow, rng)
            return flow.having(function(flow.edges, order), flow.tag[order])

        def dropped(flow, rng, function=function):
            order = chosen(flow, rng).nonzero().squeeze(1)
            return flow.having(function(flow.edges, order), flow.tag[order])

        words = name.replace("_", " ")
        operation(f"order by {words}", known=known)(permuted)
        operation(f"drop by {words}", known=known)(dropped)


def _masked_rows(edges: Tensor, order: Tensor) -> Tensor:
    return torch.stack([edges[0][order], edges[1][order]])


def _taken(edges: Tensor, order: Tensor) -> Tensor:
    return edges.take(torch.stack([order, order + edges.size(1)]))


def _out(edges: Tensor, order: Tensor) -> Tensor:
    found = edges.new_zeros(2, len(order))
    torch.index_select(edges, 1, order, out=found)
    return found


@torch.jit.script
def _scripted(edges: Tensor, order: Tensor) -> Tensor:
    return edges[:, order]


_selections(
    known=True,
    index=lambda e, p: e[:, p],
    index_select=lambda e, p: e.index_select(1, p),
    gather=lambda e, p: e.gather(1, p.expand(2, -1)),
    take_along_dim=lambda e, p: torch.take_along_dim(e, p[None], dim=1),
    index_of_rows=_masked_rows,
    index_of_transposed=lambda e, p: e.t()[p].t(),
    contiguous_index_of_transposed=lambda e, p: e.t()[p].t().contiguous(),
    flat_take=_taken,
    out_argument=_out,
    columns=lambda e, p: torch.stack([e[:, i] for i in p], dim=1) if len(p) else e[:, :0],
)
_selections(
    known=False,
    scripted_index=_scripted,
    list=lambda e, p: torch.tensor(e.t().tolist(), dtype=torch.int64).view(-1, 2)[p].t(),
    numpy_index=lambda e, p: torch.from_numpy(e.numpy()[:, p.numpy()].copy()),
)


@operation("mask", known=True)
def _mask(flow, rng):
    keep = chosen(flow, rng)
    return flow.having(flow.edges[:, keep], flow.tag[keep])


@operation("mask of rows", known=True)
def _mask_rows(flow, rng):
    keep = chosen(flow, rng)
    row, col = flow.edges
    return flow.having(torch.stack([row[keep], col[keep]]), flow.tag[keep])


@operation("masked_select", known=True)
def _masked_select(flow, rng):
    keep = chosen(flow, rng)
    edges = flow.edges.masked_select(keep.expand(2, -1)).view(2, -1)
    return flow.having(edges, flow.tag[keep])


@operation("first edges", known=True)
def _first(flow, rng):
    size = int(rng.integers(0, flow.size + 1))
    return flow.having(flow.edges[:, :size], flow.tag[:size])


@operation("last edges", known=True)
def _last(flow, rng):
    size = int(rng.integers(0, flow.size + 1))
    return flow.having(flow.edges[:, size:], flow.tag[size:])


@operation("every other edge", known=True)
def _every_other(flow, _):
    return flow.having(flow.edges[:, 1::2], flow.tag[1::2])


@operation("flip order", known=True)
def _flip_order(flow, _):
    return flow.having(flow.edges.flip(1), flow.tag.flip(0))


@operation("roll order", known=True)
def _roll(flow, _):
    return flow.having(flow.edges.roll(1, dims=1), flow.tag.roll(1))


@operation("sort by target", known=True)
def _sort(flow, _):
    order = flow.edges[1].argsort(stable=True)
    return flow.having(flow.edges[:, order], flow.tag[order])


@operation("torch.sort by target", known=True)
def _torch_sort(flow, _):
    target, order = flow.edges[1].sort(stable=True)
    return flow.having(torch.stack([flow.edges[0][order], target]), flow.tag[order])


@operation("sort_edge_index", known=True)
def _sort_edge_index(flow, rng):
    return flow.having(*sort_edge_index(flow.edges, flow.tag, sort_by_row=bool(rng.integers(2))))


@operation("repeat", known=True)
def _repeat(flow, _):
    return flow.having(flow.edges.repeat(1, 2), flow.tag.repeat(2))


@operation("repeat_interleave", known=True)
def _interleave(flow, _):
    return flow.having(flow.edges.repeat_interleave(2, 1), flow.tag.repeat_interleave(2))


@operation("coalesce", known=False)
def _coalesce(flow, _):
    # Where edges are merged the result is none of them.
    edges, low = coalesce(flow.edges, flow.tag, reduce="min")
    high = coalesce(flow.edges, flow.tag, reduce="max")[1]
    return flow.having(edges, low.where(low == high, MERGED))


@operation("unique", known=False)
def _unique(flow, _):
    edges, number = torch.unique(flow.edges, dim=1, return_inverse=True)
    tag = torch.full((edges.size(1),), MERGED, dtype=torch.float64)
    tag[number] = flow.tag
    tag[number.bincount(minlength=edges.size(1)) > 1] = MERGED
    return flow.having(edges, tag)


@operation("dropout_edge", known=True)
def _dropout(flow, _):
    edges, kept = dropout_edge(flow.edges, p=0.4)
    return flow.having(edges, flow.tag[kept])


@operation("remove_self_loops", known=True)
def _no_loops(flow, _):
    return flow.having(*remove_self_loops(flow.edges, flow.tag)) if flow.square else None


@operation("subgraph", known=True)
def _subgraph(flow, rng):
    if not flow.square:
        return None
    keep = torch.from_numpy(rng.random(flow.nodes) < 0.8)
    edges, tag = subgraph(keep, flow.edges, flow.tag, num_nodes=flow.nodes)
    return flow.having(edges, tag)


@operation("k_hop_subgraph", known=True)
def _k_hop(flow, rng):
    if not flow.square or not flow.nodes:
        return None
    centre = int(rng.integers(flow.nodes))
    _, edges, _, kept = k_hop_subgraph(centre, 1, flow.edges, num_nodes=flow.nodes)
    return flow.having(edges, flow.tag[kept])
