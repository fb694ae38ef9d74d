"""Variants of a model that start from its initial weights, so that only what they vary differs."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.models.architectures import build


def build_variant(name: str, settings: Mapping[str, Any], plain: Mapping[str, Any]) -> nn.Module:
    """Build a model that has the initial weights of a plainer one, as far as both have them.

    Of an embedding of more types it is those of the types that the plainer one has. The plainer
    model is drawn from torch's random state first, which is then left as that leaves it; what only
    the variant has is drawn from there on.

    Args:
        name: the architecture of both.
        settings: the arguments of the constructor.
        plain: those of the plainer model.

    Raises:
        InputError: as :func:`edgescope.models.build`.
    """
    base = build(name, **plain)
    if settings == plain:
        return base
    with torch.random.fork_rng(devices=()):
        variant = build(name, **settings)
    shared = base.state_dict()
    with torch.no_grad():
        for key, mine in variant.state_dict().items():
            part = _common(mine, shared.get(key))
            if part is not None:
                part.copy_(shared[key])
    return variant


def _common(mine: Tensor, other: Tensor | None) -> Tensor | None:
    """Return the part of a tensor that another one covers: all of it, or its first rows."""
    if other is None or mine.shape[1:] != other.shape[1:] or mine.dim() != other.dim():
        return None
    return mine if not mine.dim() else mine[: len(other)] if len(other) <= len(mine) else None
