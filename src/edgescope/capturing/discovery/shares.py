"""Whether numbers are shares of the edges of a node, as what divides them says."""

import torch
from torch import Tensor

ROUNDED = 32
"""Roundings that may lie between two ways to compute a share."""

COLUMNS = 4
"""Heads or channels that are looked at, as all are computed in one way."""

CLOSE = 1e-5
"""Least tolerance, as sums over many edges are rounded often."""


def is_share(weight: Tensor, positive: Tensor, node: Tensor) -> bool:
    """Return whether weights are, in every node, a constant times something positive.

    They sum to one, or to less where something was added to the sum that divides.

    Args:
        weight: the weights ``[E, H, D]``.
        positive: what was divided ``[E, H, D]``.
        node: the node of each row ``[E]``.
    """
    if not weight.numel() or weight.shape != positive.shape or not weight.is_floating_point():
        return False
    weight, positive = (each.flatten(1) for each in (weight, positive))
    some = torch.linspace(0, weight.size(1) - 1, min(weight.size(1), COLUMNS)).long()
    weight, positive = (each[:, some.to(each.device)] for each in (weight, positive))
    size = max(ROUNDED * torch.finfo(weight.dtype).eps, CLOSE)
    weight, positive = weight.double(), positive.double()
    finite = weight.isfinite() & positive.isfinite()
    weight, positive = weight.where(finite, 0), positive.where(finite, 0)
    nodes = int(node.max()) + 1
    total, above = (
        each.new_zeros(nodes, *each.shape[1:]).index_add(0, node, each)
        for each in (positive, weight)
    )
    share = above / total.where(total > 0, 1)
    expected = positive * share[node]
    scale = above[node].abs().clamp(min=torch.finfo(torch.float32).tiny)
    close = bool(((weight - expected).abs() <= size * scale).all())
    return close and bool((weight >= 0).all()) and bool((above <= 1 + 10 * size).all())
