"""Sites of torch.nn.MultiheadAttention, as in the global part of GPSConv."""

import math
from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from edgescope.capturing.adapters.adapter import (
    Adapter,
    Emit,
    Layer,
    Remove,
    bound_arguments,
    names,
)
from edgescope.capturing.adapters.dense import STAGES, dense_call, emit_pairs
from edgescope.capturing.adapters.dense_states import emit_dense_states
from edgescope.capturing.adapters.layer_options import check_arguments
from edgescope.capturing.adapters.node_states import End
from edgescope.lib.errors import InputError


class MultiheadAdapter(Adapter):
    """Self-attention on a dense batch of nodes; its rows are pairs of nodes of one graph.

    The stages are recomputed from the arguments of the call, as none of torch's kernels hands
    them out without computing something else than it would have. Pairs that the mask forbids
    for all heads are no rows, nor is padding.
    """

    layer = nn.MultiheadAttention
    stages = STAGES
    loops = "every node and itself are a pair"
    refuses = ("cross-attention", "add_bias_kv", "add_zero_attn", "parametrised weights")
    options = names(
        "embed_dim num_heads dropout bias add_bias_kv add_zero_attn kdim vdim batch_first device "
        "dtype"
    )
    arguments = names(
        "query key value key_padding_mask need_weights attn_mask average_attn_weights is_causal"
    )

    def adds_edges(self, layer: Layer) -> bool:
        """Return true: most pairs of nodes are no edges."""
        return True

    def refusal(self, layer: Layer) -> str | None:
        """Refuse keys that are no nodes, and weights that may change when they are read."""
        if layer.bias_k is not None or layer.bias_v is not None:
            return (
                "add_bias_kv gives it a key that is no node of the graph; build it without "
                "add_bias_kv"
            )
        if layer.add_zero_attn:
            return (
                "add_zero_attn gives it a key that is no node of the graph; build it without "
                "add_zero_attn"
            )
        if layer.kdim != layer.embed_dim:
            return (
                "its keys are wider or narrower than its queries, so they are other states than "
                "those, and its pairs are not pairs of nodes of one graph"
            )
        if parametrize.is_parametrized(layer):
            return (
                "its weights are parametrised, and to read them again may change them; take that "
                "away with torch.nn.utils.parametrize.remove_parametrizations"
            )
        return None

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Recompute the stages after each call of the layer."""

        def done(_: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], __: object) -> None:
            emit_call(layer, args, kwargs, stages, emit)

        yield layer.register_forward_hook(done, with_kwargs=True).remove

    def attach_states(self, layer: Layer, end: End, emit: Emit) -> Iterator[Remove]:
        """Emit the queries, or what attention makes of them, without padding."""

        def done(_: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:  # noqa: ANN401  (a stranger's)
            check_arguments(self, layer, args, kwargs)
            call = dense_call(layer, bound_arguments(layer, args, kwargs))
            states = call.query
            if end == "out":
                states = output[0]
                if states.dim() == 3 and not states.is_nested and not layer.batch_first:  # noqa: PLR2004  (with a batch dimension)
                    states = states.transpose(0, 1)
            emit_dense_states(layer, call, states, emit)

        yield layer.register_forward_hook(done, with_kwargs=True).remove


def emit_call(
    layer: Layer,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    stages: Collection[str],
    emit: Emit,
) -> None:
    """Emit ``stages`` of a call of an attention module with these arguments.

    Raises:
        InputError: if the call is not self-attention on graphs, or contradicts itself.
    """
    arguments = bound_arguments(layer, args, kwargs)
    check_arguments(MultiheadAdapter(), layer, args, kwargs)
    mask, padding = arguments["attn_mask"], arguments["key_padding_mask"]
    decides = padding is None and not arguments["need_weights"]
    if arguments["is_causal"] and decides and mask is not None and not _is_causal(mask):
        raise InputError(
            f"{type(layer).__name__} was called with is_causal=True and a mask that is not causal; "
            "which of the two torch follows depends on the kernel; pass is_causal=False"
        )
    emit_pairs(layer, dense_call(layer, arguments), stages, emit)


def _is_causal(mask: Tensor) -> bool:
    """Return whether a mask forbids what comes later, and nothing else."""
    later = torch.ones(mask.shape[-2:], dtype=torch.bool, device=mask.device).triu(1)
    if mask.dtype != torch.bool:
        later = torch.zeros_like(later, dtype=mask.dtype).masked_fill(later, -math.inf)
    return bool((mask == later).all())
