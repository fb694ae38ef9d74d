"""Sites of torch.nn.TransformerEncoderLayer, which may compute attention without its module."""

import math
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from edgescope.capturing.adapters.adapter import (
    Adapter,
    Emit,
    Layer,
    Remove,
    bound_arguments,
    names,
    observing,
)
from edgescope.capturing.adapters.dense import STAGES, DenseCall, dense_call, emit_pairs, unnest
from edgescope.capturing.adapters.dense_states import emit_dense_states
from edgescope.capturing.adapters.layer_options import check_arguments
from edgescope.capturing.adapters.multihead import MultiheadAdapter, emit_call
from edgescope.capturing.adapters.node_states import End
from edgescope.lib.errors import EdgescopeWarning, InputError


class EncoderLayerAdapter(Adapter):
    """Self-attention of an encoder layer; its rows are pairs of nodes of one graph.

    In evaluation without gradients the layer is one fused kernel, which does not call its
    ``self_attn``, and which torch does not use as soon as a module in the layer has a hook: the
    output would change. So the layer is observed by hooks common to all modules.
    """

    layer = nn.TransformerEncoderLayer
    stages = STAGES
    # What self_attn is called with holds for any forward; attach() checks the fused path.
    relies_on = ()
    loops = MultiheadAdapter.loops
    refuses = (*MultiheadAdapter.refuses, "the whole model being one such layer")
    options = names(
        "d_model nhead dim_feedforward dropout activation layer_norm_eps batch_first norm_first "
        "bias device dtype"
    )
    arguments = names("src src_mask src_key_padding_mask is_causal")

    def path(self, path: str) -> str:
        """Return the path of the layer's attention."""
        return f"{path}.self_attn"

    def adds_edges(self, layer: Layer) -> bool:
        """Return true: most pairs of nodes are no edges."""
        return True

    def refusal(self, layer: Layer) -> str | None:
        """Refuse what the attention module would be refused for."""
        attention = layer.self_attn
        if _overrides(attention, nn.MultiheadAttention):
            return (
                f"its self_attn is of class {type(attention).__name__}, not torch's own "
                "MultiheadAttention, so the formulas need not hold; register an adapter for "
                f"{type(layer).__name__} with es.capture.register"
            )
        return MultiheadAdapter().refusal(attention)

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Emit what ``self_attn`` is called with; if it is not called, what the kernel is given."""
        attended: list[bool] = []  # holds one element while the layer runs

        def enter(module: nn.Module, _: object) -> None:
            if module is layer:
                attended[:] = [False]

        def leave(module: nn.Module, args: Any, kwargs: Any, _: object) -> None:  # noqa: ANN401  (a stranger's)
            if module is layer.self_attn and attended:
                attended[:] = [True]
                emit_call(layer.self_attn, args, kwargs, stages, emit)
            elif module is layer and attended and not attended.pop():
                emit_pairs(layer.self_attn, _fused_call(layer, args, kwargs), stages, emit)

        yield torch_module.register_module_forward_pre_hook(enter).remove
        yield _watch_all(leave)

    def attach_states(self, layer: Layer, end: End, emit: Emit) -> Iterator[Remove]:
        """Emit what enters or leaves the whole layer, fused or not, without padding."""

        def leave(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:  # noqa: ANN401  (a stranger's)
            if module is not layer:
                return
            given = bound_arguments(layer, args, kwargs)
            check_arguments(EncoderLayerAdapter(), layer, args, kwargs)
            attention: Any = layer.self_attn
            call = dense_call(
                attention,
                dict.fromkeys(("query", "key", "value"), given["src"])
                | {
                    "key_padding_mask": given["src_key_padding_mask"],
                    "attn_mask": given["src_mask"],
                },
            )
            states = call.query
            if end == "out":
                states = output
                if not states.is_nested and states.dim() == 3 and not attention.batch_first:  # noqa: PLR2004  (with a batch dimension)
                    states = states.transpose(0, 1)
            emit_dense_states(attention, call, states, emit)

        yield _watch_all(leave)


def _watch_all(leave: Callable[..., None]) -> Remove:
    """Register a hook on all modules; return what takes it away, with what torch forgets then."""
    handle = torch_module.register_module_forward_hook(leave, with_kwargs=True)

    def remove() -> None:
        handle.remove()
        torch_module._global_forward_hooks_with_kwargs.pop(handle.id, None)  # noqa: SLF001  (a mark that torch leaves behind)

    return remove


def _overrides(module: nn.Module, base: type[nn.Module]) -> bool:
    return type(module).forward is not base.forward or "forward" in vars(module)


def _fused_call(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> DenseCall:
    """Return what the fused kernel computed attention on.

    Raises:
        InputError: if a method of a subclass stands between the layer's arguments and the kernel.
    """
    if _overrides(layer, nn.TransformerEncoderLayer):
        raise InputError(
            f"{type(layer).__name__} overrides forward and did not call its self_attn, so what it "
            "attended to cannot be told; torch.backends.mha.set_fastpath_enabled(False) makes "
            "torch call it, or leave this layer out with sites="
        )
    arguments = bound_arguments(layer, args, kwargs)
    check_arguments(EncoderLayerAdapter(), layer, args, kwargs)
    states, mask = arguments["src"], arguments["src_mask"]
    padding = arguments["src_key_padding_mask"]
    with observing():
        if states.is_nested:
            states, padding = unnest(states)
        if layer.norm_first:
            norm = layer.norm1
            states = F.layer_norm(states, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
        call = DenseCall(states, states, states, padding, mask)
        return _as_fused(call, layer.self_attn.num_heads)


def _as_fused(call: DenseCall, heads: int) -> DenseCall:
    """Return the call with its masks read as the fused kernel does.

    It adds both masks, and forbids every pair where the sum is not 0 (torch 2.8 to 2.13), while a
    float mask should be added to the logits.
    """
    if not (_has_numbers(call.mask) or _has_numbers(call.padding)):
        return call
    warnings.warn(
        "in evaluation, torch's fused TransformerEncoderLayer takes every pair whose float mask "
        "is not 0 as forbidden instead of adding the mask, and so these pairs are not captured; "
        "torch.backends.mha.set_fastpath_enabled(False) makes it add the mask",
        EdgescopeWarning,
        stacklevel=2,
    )
    batch, length = call.key.shape[:2]
    total = call.query.new_zeros(batch, heads, length, length)
    padding = torch.zeros(batch, length, dtype=torch.bool, device=total.device)
    if call.mask is not None:
        mask = _additive(call.mask)
        total = total + (mask if mask.dim() == 2 else mask.view_as(total))  # noqa: PLR2004  (shared)
    if call.padding is not None:
        keys = _additive(call.padding)
        total = total + keys[:, None, None, :]
        padding = keys == -math.inf
    return call._replace(mask=(total != 0).flatten(0, 1), padding=padding)


def _has_numbers(mask: Tensor | None) -> bool:
    """Return whether a mask does more than to allow and to forbid."""
    if mask is None or mask.dtype == torch.bool:
        return False
    return not bool(((mask == 0) | (mask == -math.inf)).all())


def _additive(mask: Tensor) -> Tensor:
    """Return a mask as what is added to the logits."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=torch.float32).masked_fill(mask, -math.inf)
