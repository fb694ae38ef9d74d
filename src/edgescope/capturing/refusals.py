"""Why a model, a part of it or a layer cannot be captured, and what can be done."""

import sys
from typing import Literal

import torch
from torch import nn
from torch._ops import OpOverload
from torch.fx import GraphModule

from edgescope.capturing.adapters.adapter import Adapter
from edgescope.capturing.adapters.layer_options import refuse_option
from edgescope.capturing.adapters.registry import find_adapter
from edgescope.capturing.attention_signs import (
    Signs,
    is_plain,
    own_functions,
    says_attention,
    signs_of,
)
from edgescope.lib.compiled_parts import ahead_of_time, named_parts, uncompiled
from edgescope.lib.model_call import forward_signature

Kind = Literal["attention", "perhaps", "message passing", "none"]
"""What a part of a model that cannot be captured is, as far as can be told."""

ATTENTION: Kind = "attention"
PERHAPS: Kind = "perhaps"
MESSAGE_PASSING: Kind = "message passing"
"""A layer that passes messages along edges, and in which nothing speaks for attention."""
NONE: Kind = "none"
"""A part in which there is no attention, such as a compiled linear layer."""


READ_OUT = (
    "it is a read-out: what it attends to, and from, are not the two ends of an edge, but the "
    "nodes of a graph and what stands for the graph"
)


def refuse_whole(model: nn.Module) -> str | None:
    """Say why nothing in the model can be captured, if so."""
    if isinstance(model, nn.TransformerEncoderLayer):
        return (
            "it is a TransformerEncoderLayer, whose fused kernel torch does not use as soon as the "
            "layer itself has a hook, so its output would change; capture a module that holds it, "
            "such as torch.nn.Sequential(layer)"
        )
    return refuse_closed(model)


def refuse_closed(module: nn.Module) -> str | None:
    """Say why nothing inside a module can be captured, if so."""
    if is_aggregation(module) and any(find_adapter(part) for part in module.modules()):
        return READ_OUT
    return refuse_compiled(module)


def refuse_compiled(module: nn.Module) -> str | None:
    """Say why no hook may be called inside a module, if so."""
    if isinstance(module, torch.jit.ScriptModule):
        return (
            "it is a TorchScript module, whose layers call no hooks; capture the module that it "
            "was scripted from"
        )
    if ahead_of_time(module):
        return (
            "it is compiled ahead of time, and calling it never runs its original, so no layer "
            "calls a hook; use the original module, which torch keeps in ._orig_mod"
        )
    if is_exported(module):
        return (
            "it is an exported program, a list of operations in which no layer is left; capture "
            "the module that it was exported from"
        )
    return None


def is_exported(module: nn.Module) -> bool:
    """Return whether a module is what ``torch.export`` or the like makes of another.

    A graph that ``torch.fx`` traced is not: it calls the layers that it did not trace through.
    """
    if any(base.__module__.startswith("torch.export.") for base in type(module).__mro__):
        return True
    if not isinstance(module, GraphModule):
        return False
    return any(isinstance(node.target, OpOverload) for node in module.graph.nodes)


def is_aggregation(module: nn.Module) -> bool:
    """Return whether a module is an aggregation of PyG: a read-out, unless a layer holds it."""
    aggregation = sys.modules.get("torch_geometric.nn.aggr")
    return aggregation is not None and isinstance(module, aggregation.Aggregation)


def attends(module: nn.Module) -> bool:
    """Return whether a module, or one within it, is known to attend or shows a sign of it."""
    return any(
        find_adapter(part) is not None or (not is_plain(part) and bool(signs_of(path, part)))
        for path, part in named_parts(module)
    )


def kind_of_closed(module: nn.Module) -> Kind:
    """Return what is in a part that no hook can look into, judged by the classes in it."""
    if isinstance(module, torch.jit.ScriptModule):
        # All that is left of a class is its name.
        names = [str(getattr(part, "original_name", "")) for part in module.modules()]
        if any(says_attention(name) for name in names):
            return ATTENTION
        return NONE if all(hasattr(nn, name) for name in names) else PERHAPS
    if attends(module):
        return ATTENTION
    wrapped = getattr(module, "_orig_mod", module)
    return NONE if all(is_plain(part) for part in wrapped.modules()) else PERHAPS


def refuse_layer(adapter: Adapter, base: type[nn.Module], layer: nn.Module) -> str | None:
    """Say why a layer cannot be captured by the adapter for its class or base, if so."""
    for name in adapter.relies_on:
        if _overrides(layer, base, name):
            return (
                f"it overrides {name} of {base.__name__}, so the formulas of {base.__name__} "
                "need not hold; register an adapter for it with es.capture.register"
            )
    if getattr(layer, "explain", None) is False:
        return (
            "it is marked explain = False: its edges are not those of the graph, as in a read-out; "
            "set its explain = None if they are"
        )
    return refuse_option(adapter, base, layer) or adapter.refusal(layer)


def _overrides(layer: nn.Module, base: type[nn.Module], name: str) -> bool:
    """Return whether a function of a layer is another than that of its base, compiled or not."""
    function = getattr(type(layer), name, None)
    if name in vars(layer):
        function = uncompiled(vars(layer)[name])
        if function is vars(layer)[name] or getattr(function, "__self__", None) is not layer:
            return True
        function = getattr(function, "__func__", None)
    return uncompiled(function) is not uncompiled(getattr(base, name, None))


def looks_like_attention(path: str, layer: nn.Module) -> tuple[str, Kind, Signs] | None:
    """Say why a layer that works on edges or on all pairs of nodes has no sites, and what it is.

    Args:
        path: where it is in the model.
        layer: a layer that no adapter knows.
    """
    message_passing = sys.modules.get("torch_geometric.nn.conv.message_passing")
    if message_passing and isinstance(layer, message_passing.MessagePassing):
        signs = signs_of_messages(path, layer)
        return unknown_layer(signs), ATTENTION if signs else _kind_without_signs(layer), signs
    kind = type(layer)
    if kind.__module__.startswith("torch_geometric.nn.attention") and "Attention" in kind.__name__:
        reason = (
            "linear attention computes nothing for a pair of nodes; only softmax attention, such "
            "as torch.nn.MultiheadAttention, does"
        )
        return reason, ATTENTION, Signs(kind.__name__)
    return None


def unknown_layer(signs: Signs) -> str:
    """Say that no adapter knows a layer, what to do, and why it is taken for attention."""
    reason = "no adapter knows this layer; write one and register it with es.capture.register"
    return f"{reason}; taken for attention, as {signs}" if signs else reason


def signs_of_messages(path: str, layer: nn.Module) -> Signs:
    """Return what in a message-passing layer, or in a module that it holds, speaks for attention.

    PyG's layers that return the weights of their edges take ``return_attention_weights``.
    """
    own = signs_of(path, layer)
    if own:
        return own
    if "return_attention_weights" in forward_signature(layer).parameters:
        return Signs("return_attention_weights")
    parts = (signs_of(n, p) for n, p in named_parts(layer) if n and not is_plain(p))
    return next(filter(None, parts), own)


def _kind_without_signs(layer: nn.Module) -> Kind:
    """Return what a layer is that shows no sign: PyG's own are known, of others nobody knows."""
    own = own_functions(type(layer)).values()
    known = all(function.__module__.startswith("torch_geometric.") for function in own)
    return MESSAGE_PASSING if known else PERHAPS
