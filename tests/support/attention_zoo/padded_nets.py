"""What dense models share: nets that take padded graphs, and pairs of nodes out of padding."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from support.attention_zoo.by_hand import DIM, Net, normalised, pairs_of, site, summed
from support.attention_zoo.case import Expected
from support.attention_zoo.graphs import looped, padded, plain


class DenseNet(Net):
    """Layers on padded graphs, with residuals."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def start(self, graph: dict[str, Any]) -> Tensor:
        """Return the first states of nodes, padded."""
        return self.enc(graph["x"])

    def forward(self, graph: dict[str, Any]) -> Tensor:
        h = self.start(graph)
        for layer in self.layers:
            h = h + layer(h, graph)
        return self.head((h * graph["mask"].unsqueeze(-1)).sum(dim=1))


def right_padded() -> dict[str, Any]:
    """Return graphs with self-loops, padded on the right, beside the batch they come from."""
    batch = looped()
    return padded(batch) | {"graphs": batch}


def left_padded() -> dict[str, Any]:
    """Return graphs padded on the left, beside the batch they come from."""
    batch = plain()
    return padded(batch, left=True) | {"graphs": batch}


def entries(graph: dict[str, Any], name: str, pairs: Tensor) -> Tensor:
    """Return the entries ``[P, ...]`` of a padded tensor of pairs, row = the end that attends."""
    where = {
        int(number): (b, slot)
        for b, row in enumerate(graph["number"])
        for slot, number in enumerate(row)
        if number >= 0
    }
    found = []
    for source, target in pairs.t().tolist():
        b, slot = where[target]
        found.append(graph[name][b, slot, where[source][1]])
    return torch.stack(found)


def nodes_of(graph: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return the features of nodes without padding, and all pairs of nodes of a graph."""
    return graph["graphs"].x, pairs_of(graph["graphs"].batch)


def without_edges(model: nn.Module, graph: dict[str, Any]) -> Tensor:
    """Call a model with a padded batch, without the batch that it comes from."""
    return model({name: value for name, value in graph.items() if name != "graphs"})


def biased(
    path: str,
    pairs: Tensor,
    raw: Tensor,
    bias: Tensor | None,
    value: Tensor,
    nodes: int,
    *,
    formed: bool = True,
) -> tuple[Tensor, list[Expected]]:
    """Return attention with a bias of pairs ``[P, H]``: logits before and after it, weights."""
    logit = raw if bias is None else raw + bias
    weight = normalised(logit, pairs[1], nodes)
    sites = [] if bias is None else [site(path, "logit", raw, pairs, part="unbiased")]
    sites += [site(path, "logit", logit, pairs), site(path, "weight", weight, pairs)]
    sent = weight[..., None] * value
    sites = [replace(each, formed=formed) for each in sites]
    sites.append(site(path, "message", sent, pairs, formed=False))
    return summed(sent, pairs[1], nodes).flatten(1), sites


def split(x: Tensor, heads: int) -> Tensor:
    """Return ``[B, H, N, D]`` of ``[B, N, H * D]``."""
    return x.view(*x.shape[:2], heads, DIM // heads).transpose(1, 2)


def joined(x: Tensor) -> Tensor:
    """Return ``[B, N, H * D]`` of ``[B, H, N, D]``."""
    return x.transpose(1, 2).flatten(2)
