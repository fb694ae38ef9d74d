"""Shapes of what layers compute, as ``[E, H, D]``."""

from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer
from edgescope.lib.errors import InputError


def per_head(values: Tensor, heads: int) -> Tensor:
    """View ``[E]``, ``[E, H]``, ``[E, H * D]`` or ``[E, H, D]`` as ``[E, H, D]``.

    Raises:
        InputError: if the values of an edge cannot be divided among the heads.
    """
    if not values.dim() or values.shape[1:].numel() % heads:
        raise InputError(
            f"received values of shape {list(values.shape)}, expected [E, H, D], [E, H * D] or "
            f"[E, H] with H = {heads} heads; the adapter's method heads(layer) says how many"
        )
    return values.reshape(values.size(0), heads, values.shape[1:].numel() // heads)


def projected_edges(values: Tensor, layer: Layer) -> Tensor:
    """View what a layer's ``lin_edge`` returned as ``[E, H, D]``, in the way that PyG's layers do.

    Features may come in any shape whose last dimension is that of ``lin_edge``, such as ``[D]`` or
    ``[1, D]`` for all edges, which gives ``[1, H, D]``.
    """
    return values.reshape(-1, layer.heads, layer.out_channels)
