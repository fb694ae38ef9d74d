"""How many attention logits lie where the published clamp gives them no gradient."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.lib.eval_mode import evaluating
from edgescope.lib.model_call import call_model
from edgescope.models.attention_steps import LOGIT_LIMIT, EdgeWeight


def share_beyond(model: nn.Module, loader: Iterable[Any]) -> float | None:
    """Return the share of logits, of all edges, heads and layers, at or beyond their limit.

    The limit is the clamp's or the cap's of the layer; without either the published
    :data:`~edgescope.models.attention_steps.LOGIT_LIMIT`, so that variants can be compared. It
    takes one forward pass of every batch.

    Args:
        model: the model; only edgescope's own attention has logits with a limit.
        loader: batches that the model is called on.

    Returns:
        The share; None for a model without that attention, and where there are no edges.
    """
    counts = [0, 0]

    def count(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        assert isinstance(module, EdgeWeight)
        limit = module.limit or module.cap or LOGIT_LIMIT
        counts[0] += int((args[0].abs() >= limit).sum())
        counts[1] += args[0].numel()

    modules = [module for module in model.modules() if isinstance(module, EdgeWeight)]
    if not modules:
        return None
    hooks = [module.register_forward_pre_hook(count) for module in modules]
    try:
        with evaluating(model), torch.no_grad():
            for batch in loader:
                call_model(model, batch)
    finally:
        for hook in hooks:
            hook.remove()
    return counts[0] / counts[1] if counts[1] else None
