"""Why a model, a part of it or a layer cannot be captured, and what can be done."""

import sys

import torch
from torch import nn

from edgescope.capture.adapters.base import Adapter
from edgescope.capture.adapters.options import refuse_option
from edgescope.capture.adapters.registry import find_adapter


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
    if isinstance(module, torch.jit.ScriptModule):
        return (
            "it is a TorchScript module, whose layers call no hooks; capture the module that it "
            "was scripted from"
        )
    if type(module).__name__ == "OptimizedModule" and hasattr(module, "_orig_mod"):
        return (
            "it is compiled, and hooks set after compilation may never be called; use the "
            "original module, which torch.compile keeps in ._orig_mod"
        )
    if getattr(module, "_compiled_call_impl", None) is not None:
        return (
            "it was compiled in place by .compile(), and hooks set after compilation may never be "
            "called; capture a copy.deepcopy of the model, which is not compiled"
        )
    aggregation = sys.modules.get("torch_geometric.nn.aggr")
    if aggregation and isinstance(module, aggregation.Aggregation) and _attends(module):
        return (
            "it is a read-out: what it attends to, and from, are not the two ends of an edge, but "
            "the nodes of a graph and what stands for the graph"
        )
    if hasattr(module.forward, "_torchdynamo_orig_callable"):
        return (
            "its forward is compiled, and hooks of its layers may never be called; capture a model "
            "whose forward is not"
        )
    return None


def _attends(module: nn.Module) -> bool:
    return any(find_adapter(part) is not None for part in module.modules())


def refuse_layer(adapter: Adapter, base: type[nn.Module], layer: nn.Module) -> str | None:
    """Say why a layer cannot be captured by the adapter for its class or base, if so."""
    for name in adapter.relies_on:
        own = name in vars(layer) or getattr(type(layer), name, None) is not getattr(
            base, name, None
        )
        if own:
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


def looks_like_attention(layer: nn.Module) -> str | None:
    """Say why a layer that works on edges or on all pairs of nodes has no sites."""
    message_passing = sys.modules.get("torch_geometric.nn.conv.message_passing")
    if message_passing and isinstance(layer, message_passing.MessagePassing):
        return "no adapter knows this layer; write one and register it with es.capture.register"
    kind = type(layer)
    if kind.__module__.startswith("torch_geometric.nn.attention") and "Attention" in kind.__name__:
        return (
            "linear attention computes nothing for a pair of nodes; only softmax attention, such "
            "as torch.nn.MultiheadAttention, does"
        )
    return None
