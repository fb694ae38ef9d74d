"""Layers with a gate for every edge: what they make of their arguments, logits and weights."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import FAConv, FeaStConv, ResGatedGraphConv


class Gate(NamedTuple):
    """One call of such a layer."""

    logit: Tensor
    """What the gate is taken of ``[E, ...]``."""
    weight: Callable[[Tensor], Tensor]
    """Makes gates of logits."""
    message: Callable[[Tensor], Tensor]
    """Makes messages of gates."""


def gate(layer: nn.Module, given: Mapping[str, Tensor]) -> Gate:
    """Return what a layer computes from the arguments of its ``message``."""
    if isinstance(layer, FAConv):
        return Gate(
            (given["alpha_i"] + given["alpha_j"]).squeeze(-1),
            torch.tanh,
            lambda weight: given["x_j"] * (weight * given["edge_weight"]).unsqueeze(-1),
        )
    if isinstance(layer, FeaStConv):
        shape = (len(given["x_j"]), layer.heads, layer.out_channels)
        value = F.linear(given["x_j"], layer.lin.weight).view(shape)
        return Gate(
            F.linear(given["x_j"] - given["x_i"], layer.u.weight) + layer.c,
            lambda logit: logit.softmax(1),
            lambda weight: (weight.unsqueeze(-1) * value).sum(1),
        )
    assert isinstance(layer, ResGatedGraphConv)
    parts = {"k_i": layer.lin_key, "q_j": layer.lin_query, "v_j": layer.lin_value}
    key, query, value = (_projected(layer, part, given, name) for name, part in parts.items())
    return Gate(key + query, lambda logit: layer.act(logit.clone()), lambda weight: weight * value)


def _projected(layer: Any, part: nn.Module, given: Mapping[str, Tensor], name: str) -> Tensor:
    if layer.edge_dim is None:
        return given[name]
    both = torch.cat([given[name], given["edge_attr"]], -1)
    return F.linear(both, part.weight, part.bias)
