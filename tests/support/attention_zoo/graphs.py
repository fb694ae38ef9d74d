"""The batches that models of this zoo are called on: molecule-like graphs, some of them nasty."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

WIDTH = 6
"""Channels of nodes."""
EDGES = 3
"""Channels of edges."""
BONDS = 4
"""Types of bonds."""
ATOMS = 5
"""Types of atoms."""
FARTHEST = 10
"""Length from which on paths count as equally long."""


SMALL, LARGE = (3, 4), (64, 24)
"""How many graphs a batch has, and how many atoms the smallest of them."""

_size = ContextVar("size", default=SMALL)


@contextmanager
def of_real_size() -> Iterator[None]:
    """Make batches as large as those that models are trained on, to tell what capture costs."""
    token = _size.set(LARGE)
    try:
        yield
    finally:
        _size.reset(token)


def molecule(seed: int, *, loops: bool, parallel: bool, isolated: bool) -> Data:
    """Return a ring with a chord, edges in both directions one after the other."""
    draw = torch.Generator().manual_seed(seed)
    size = _size.get()[1] + seed % 3
    pairs = [(k, (k + 1) % size) for k in range(size)] + [(0, 2)]
    both = [end for i, j in pairs for end in ((i, j), (j, i))]
    if loops:
        both += [(1, 1), (2, 2)]
    if parallel:
        both += [(0, 1), (0, 1), (2, 1)]
    edges = torch.tensor(both).t().contiguous()
    nodes = size + isolated
    return Data(
        x=torch.randn(nodes, WIDTH, generator=draw),
        z=torch.randint(ATOMS, (nodes,), generator=draw),
        pos=torch.randn(nodes, 3, generator=draw),
        edge_index=edges,
        edge_attr=torch.randn(edges.size(1), EDGES, generator=draw),
        bond=torch.randint(BONDS, (edges.size(1),), generator=draw),
    )


def _three(*, loops: bool = False, parallel: bool = False, isolated: bool = True) -> Batch:
    return Batch.from_data_list(
        [
            molecule(
                seed,
                loops=loops and seed != 1,
                parallel=parallel and seed != 2,
                isolated=isolated and seed != 0,
            )
            for seed in range(_size.get()[0])
        ]
    )


def nasty() -> Batch:
    """Return three graphs with parallel edges, self-loops, and isolated nodes."""
    return _three(loops=True, parallel=True)


def multigraphs() -> Batch:
    """Return three graphs with parallel edges and isolated nodes, and no self-loops."""
    return _three(parallel=True)


def plain() -> Batch:
    """Return three graphs with isolated nodes; between two nodes there is at most one edge."""
    return _three()


def looped() -> Batch:
    """Return three graphs with isolated nodes and some self-loops, but no parallel edges."""
    return _three(loops=True)


def hops(batch: Batch) -> Tensor:
    """Return ``[V, V]`` lengths of shortest paths, -1 where there is none."""
    nodes = batch.num_nodes
    step = torch.zeros(nodes, nodes, dtype=torch.bool)
    step[batch.edge_index[0], batch.edge_index[1]] = True
    found = torch.full((nodes, nodes), -1)
    reached = torch.eye(nodes, dtype=torch.bool)
    for length in range(nodes):
        new = reached & (found < 0)
        if not new.any():
            break
        found[new] = length
        reached = (reached.float() @ step.float()) > 0
    return found


def padded(batch: Batch, *, left: bool = False) -> dict[str, Any]:
    """Return a batch as tensors padded to the largest graph.

    ``x`` [B, N, F], ``mask`` [B, N] of real nodes, ``number`` [B, N] of each in the batch (-1 for
    padding), ``adjacency`` [B, N, N] with row = the end that attends, ``edge_attr`` [B, N, N, C],
    ``bond`` [B, N, N] (0 for none), ``hops`` [B, N, N] (-1 for unreachable), ``pos`` [B, N, 3].
    """
    starts, sizes = batch.ptr[:-1].tolist(), batch.ptr.diff().tolist()
    B, N = len(sizes), max(sizes)
    number = torch.full((B, N), -1)
    for b, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        first = N - size if left else 0
        number[b, first : first + size] = torch.arange(start, start + size)
    mask = number >= 0
    both = mask[:, :, None] & mask[:, None, :]
    nodes = batch.num_nodes
    source, target = batch.edge_index
    adjacency = torch.zeros(nodes, nodes)
    edge_attr, bond = torch.zeros(nodes, nodes, EDGES), torch.zeros(nodes, nodes, dtype=torch.long)
    adjacency[target, source] = 1
    edge_attr[target, source], bond[target, source] = batch.edge_attr, batch.bond + 1

    def pairs(whole: Tensor, fill: int = 0) -> Tensor:
        made = whole[number[:, :, None].clamp(min=0), number[:, None, :].clamp(min=0)]
        return torch.where(both if made.dim() == 3 else both[..., None], made, fill)

    return {
        "x": batch.x[number.clamp(min=0)] * mask[..., None],
        "pos": batch.pos[number.clamp(min=0)] * mask[..., None],
        "mask": mask,
        "number": number,
        "adjacency": pairs(adjacency),
        "edge_attr": pairs(edge_attr),
        "bond": pairs(bond),
        "hops": pairs(hops(batch).clamp(max=FARTHEST), -1),
    }
