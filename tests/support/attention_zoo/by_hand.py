"""Attention by hand: one node that attends after the other, in float64."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from support.attention_zoo.case import Expected
from support.attention_zoo.graphs import WIDTH

DIM, HEADS = 8, 2
"""Channels and heads inside the models."""


class Net(nn.Module):
    """What most models have: channels in, and a number per graph out."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        dim = DIM if dim is None else dim
        self.enc, self.head = nn.Linear(WIDTH, dim), nn.Linear(dim, 1)

    def read(self, h: Tensor, batch: Tensor) -> Tensor:
        """Return a number for every graph, from the sum of its nodes."""
        graphs = int(batch.max()) + 1
        return self.head(h.new_zeros(graphs, h.size(1)).index_add(0, batch, h))


def wide(linear: nn.Linear) -> nn.Linear:
    """Return a layer with weights so large that logits reach the limits of a clamp."""
    nn.init.normal_(linear.weight)
    return linear


def per_head(x: Tensor, heads: int = HEADS) -> Tensor:
    """Return ``[V, H, D]`` of ``[V, H * D]``."""
    return x.reshape(len(x), heads, -1)


def nothing(_model: nn.Module, _batch: Any) -> tuple[None, list[Expected]]:
    """Work out nothing."""
    return None, []


def by_node(index: Tensor, nodes: int) -> Iterator[tuple[int, list[int]]]:
    """Yield every node with the rows that belong to it, if there are any."""
    rows: dict[int, list[int]] = {node: [] for node in range(nodes)}
    for row, node in enumerate(index.tolist()):
        rows[node].append(row)
    yield from ((node, mine) for node, mine in rows.items() if mine)


def normalised(logit: Tensor, index: Tensor, nodes: int, *, extra: float | None = None) -> Tensor:
    """Return the softmax of logits ``[E, ...]`` over the rows of each node.

    ``extra`` is a logit more in each denominator.
    """
    weight = torch.zeros_like(logit)
    for _, rows in by_node(index, nodes):
        power = torch.exp(logit[rows])
        whole = power.sum(0) + (0 if extra is None else math.exp(extra))
        weight[rows] = power / whole
    return weight


def shares(amount: Tensor, index: Tensor, nodes: int, eps: float = 0.0) -> Tensor:
    """Return amounts ``[E, ...]`` divided by their sum, and eps, over the rows of each node."""
    share = torch.zeros_like(amount)
    for _, rows in by_node(index, nodes):
        share[rows] = amount[rows] / (amount[rows].sum(0) + eps)
    return share


def summed(message: Tensor, index: Tensor, nodes: int) -> Tensor:
    """Return the sum of messages ``[E, ...]`` over the rows of each node."""
    out = message.new_zeros(nodes, *message.shape[1:])
    for node, rows in by_node(index, nodes):
        for row in rows:
            out[node] += message[row]
    return out


def pairs_of(batch: Tensor, other: Tensor | None = None) -> Tensor:
    """Return all pairs of nodes of the same graph: ``[2, P]``, the end that is attended to first.

    ``batch`` is the graph of every node that attends, ``other`` of every node attended to.
    """
    sources = (batch if other is None else other).tolist()
    found = [
        (source, target)
        for target, graph in enumerate(batch.tolist())
        for source, its in enumerate(sources)
        if its == graph
    ]
    return torch.tensor(found).t()


def site(
    path: str,
    stage: str,
    values: Tensor,
    edge_index: Tensor,
    input_edge: Tensor | None = None,
    **other: Any,
) -> Expected:
    """Return what is expected; values ``[E, H]`` become ``[E, H, 1]``, and ``[E]`` likewise."""
    shape = (*values.shape, 1, 1)[:3] if values.dim() < 3 else values.shape
    return Expected(path, stage, values.reshape(shape), edge_index, input_edge, **other)


def all_edges(data: Any) -> Tensor:
    """Return the positions of a batch's edges."""
    return torch.arange(data.edge_index.size(1))


def attend(
    path: str,
    edge_index: Tensor,
    logit: Tensor,
    value: Tensor,
    nodes: int,
    input_edge: Tensor | None = None,
    *,
    message: bool = True,
) -> tuple[Tensor, list[Expected]]:
    """Return the usual: softmax of ``[E, H]`` logits, times values ``[E, H, D]``, summed.

    ``message`` tells whether the model forms a message for every edge.
    """
    weight = normalised(logit, edge_index[1], nodes)
    sent = weight[..., None] * value
    sites = [
        site(path, "logit", logit, edge_index, input_edge),
        site(path, "weight", weight, edge_index, input_edge),
        site(path, "message", sent, edge_index, input_edge, formed=message),
    ]
    return summed(sent, edge_index[1], nodes), sites
