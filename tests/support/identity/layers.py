"""Layers whose every row says which edge it is, and between which nodes.

Each is made so that three numbers of a row are the tag of its edge, of its source and of its
target, in a stage that a capture records. Tags are whole numbers in double precision, which all
of this keeps to the bit. An edge that is not the user's has the tag ``ADDED``.
"""

from functools import cache
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GATv2Conv, MessagePassing, TransformerConv

from edgescope.capturing import MessagePassingAdapter, Stage

ADDED = -1.0
"""Tag of an edge that a layer or a model adds, and of a node that a model adds."""


class TagConv(MessagePassing):
    """A user's own layer: its message is the tags of the edge and of its ends."""

    def forward(self, x, edge_index, tag):
        return self.propagate(edge_index, x=x, tag=tag)

    def message(self, x_i: Tensor, x_j: Tensor, tag: Tensor) -> Tensor:
        return torch.cat([tag, x_j, x_i], dim=1)


class TagAdapter(MessagePassingAdapter):
    layer = TagConv
    stages: ClassVar = {"message": Stage("tags", "[E, H, D]")}


STAGE = {"own": "message", "gat": "logit", "gatv2": "logit", "transformer": "logit"}
"""The stage that holds the tags, by kind of layer."""


def _set(parameter: nn.Parameter, *values: float) -> None:
    parameter.data = torch.tensor(values, dtype=torch.float64).view(parameter.shape)


def _gat(flow: str, loops: bool) -> GATConv:
    conv = GATConv(
        1, 1, 3, negative_slope=1.0, add_self_loops=loops, edge_dim=1, fill_value=ADDED, flow=flow
    ).double()
    _set(conv.lin.weight, 1, 1, 1)
    _set(conv.lin_edge.weight, 1, 1, 1)
    _set(conv.att_edge, 1, 0, 0)
    _set(conv.att_src, 0, 1, 0)
    _set(conv.att_dst, 0, 0, 1)
    return conv


def _gatv2(flow: str, loops: bool) -> GATv2Conv:
    conv = GATv2Conv(
        1, 1, 3, negative_slope=1.0, add_self_loops=loops, edge_dim=1, fill_value=ADDED, flow=flow
    ).double()
    _set(conv.lin_edge.weight, 1, 0, 0)
    _set(conv.lin_l.weight, 0, 1, 0)
    _set(conv.lin_r.weight, 0, 0, 1)
    _set(conv.lin_l.bias, 0, 0, 0)
    _set(conv.lin_r.bias, 0, 0, 0)
    _set(conv.att, 1, 1, 1)
    return conv


def _transformer(flow: str, _: bool) -> TransformerConv:
    conv = TransformerConv((1, 1), 1, 3, edge_dim=1, flow=flow).double()
    _set(conv.lin_edge.weight, 1, 0, 0)  # the key is the edge's tag, the source's, and 1
    _set(conv.lin_key.weight, 0, 1, 0)
    _set(conv.lin_key.bias, 0, 0, 1)
    _set(conv.lin_query.weight, 0, 0, 1)  # the query is 1, 1, and the target's tag
    _set(conv.lin_query.bias, 1, 1, 0)
    return conv


_MAKERS = {
    "own": lambda flow, _: TagConv(flow=flow),
    "gat": _gat,
    "gatv2": _gatv2,
    "transformer": _transformer,
}


@cache
def tag_layer(kind: str, flow: str, loops: bool, number: int) -> nn.Module:
    """Return a layer; the same one for the same ``number``, as making one takes long."""
    del number
    return _MAKERS[kind](flow, loops).eval()


def tags_of(values: Tensor) -> Tensor:
    """Return the tags of every row's edge, source and target ``[E, 3]``, from a captured stage.

    Source is the node attended to and target the one that attends, whatever the flow.
    """
    return values.flatten(1).cpu()
