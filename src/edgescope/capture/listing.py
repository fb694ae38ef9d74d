"""Which sites a model has, and why others cannot be captured."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from torch import nn

from edgescope.capture.adapters.base import Adapter, Stage
from edgescope.capture.adapters.registry import ADAPTERS, find_adapter

if TYPE_CHECKING:
    import polars as pl


class Site(NamedTuple):
    """A place in a model where a layer computes something for every edge."""

    name: str
    """Path of the layer and stage, such as ``layers.3.attention:score``."""
    path: str
    """Path of the layer, such as ``layers.3.attention``."""
    layer: nn.Module
    """The layer."""
    stage: str
    """``"score"``, ``"logit"``, ``"weight"`` or ``"message"``."""
    about: Stage
    """Formula, shape and place before or after dropout."""
    adapter: Adapter
    """What observes the layer."""
    keys: tuple[object, ...]
    """Keys of the module dictionaries that hold the layer, outermost first."""

    @property
    def has_vectors(self) -> bool:
        """Whether there are several channels per head, so that a ratio within an edge exists."""
        return not self.about.shape.endswith(" 1]")


class Refused(NamedTuple):
    """A layer whose edges cannot be captured."""

    path: str
    """Path of the layer."""
    layer: nn.Module
    """The layer."""
    reason: str
    """Why not, and what can be done."""


def find_sites(model: nn.Module) -> list[Site | Refused]:
    """Return every site of ``model`` and every layer that is refused, in the order of modules."""
    found: list[Site | Refused] = []
    whole = _refuse_whole(model)
    if whole is not None:
        return [Refused("", model, whole)]
    claimed: set[str] = set()
    paths: dict[nn.Module, list[str]] = defaultdict(list)
    for path, layer in model.named_modules(remove_duplicate=False):
        paths[layer].append(path)
    for path, layer in model.named_modules():
        if any(path.startswith(f"{other}.") for other in claimed):
            continue
        closed = _refuse_closed(layer)
        if closed is not None:
            claimed.add(path)
            found.append(Refused(path, layer, closed))
            continue
        known = find_adapter(layer)
        if known is None:
            reason = _looks_like_attention(layer)
            if reason:
                found.append(Refused(path, layer, reason))
            continue
        adapter, base = known
        if adapter.path(path) != path:
            claimed.add(adapter.path(path))
            claimed.add(path)
        reason = _refuse_layer(adapter, base, layer)
        if reason is not None:
            found.append(Refused(adapter.path(path), layer, reason))
            continue
        keys = _common_keys(model, paths[layer])
        at = adapter.path(path)
        found.extend(
            Site(f"{at}:{stage}", at, layer, stage, about, adapter, keys)
            for stage, about in adapter.stages_of(layer).items()
        )
    return found


def list_sites(model: nn.Module) -> "pl.DataFrame":
    """Return what can be captured in a model, and what cannot and why.

    Columns: site, layer (class), shape, formula, dropout (whether values are those before or
    after the layer's dropout of attention weights) and reason (why it cannot be captured; null
    if it can).

    Args:
        model: any model.
    """
    import polars as pl

    rows: list[tuple[str | None, ...]] = []
    for found in find_sites(model):
        layer = type(found.layer).__name__
        if isinstance(found, Site):
            about = found.about
            rows.append(
                (found.name, layer, about.shape, about.formula, about.dropout or None, None)
            )
        else:
            rows.append((found.path or "(the model)", layer, None, None, None, found.reason))
    schema = ["site", "layer", "shape", "formula", "dropout", "reason"]
    return pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.String), orient="row")


def list_layers() -> "pl.DataFrame":
    """Return every layer class that can be captured, one row per stage.

    Columns: layer, stage, formula, shape, dropout (as in :func:`list_sites`), loops (what the
    layer does with self-loops) and refuses (which of its configurations are refused).
    """
    import polars as pl

    rows = [
        (
            class_name(adapter),
            stage,
            about.formula,
            about.shape,
            about.dropout or None,
            adapter.loops,
            "; ".join(adapter.refuses) or None,
        )
        for adapter in ADAPTERS
        for stage, about in adapter.stages.items()
    ]
    schema = ["layer", "stage", "formula", "shape", "dropout", "loops", "refuses"]
    return pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.String), orient="row")


def class_name(adapter: Adapter) -> str:
    """Return the name of the class that an adapter observes, such as ``GATConv``."""
    layer = adapter.layer
    return layer.rpartition(".")[2] if isinstance(layer, str) else layer.__name__


def _refuse_whole(model: nn.Module) -> str | None:
    """Say why nothing in the model can be captured, if so."""
    if isinstance(model, nn.TransformerEncoderLayer):
        return (
            "it is a TransformerEncoderLayer, whose fused kernel torch does not use as soon as the "
            "layer itself has a hook, so its output would change; capture a module that holds it, "
            "such as torch.nn.Sequential(layer)"
        )
    return _refuse_closed(model)


def _refuse_closed(module: nn.Module) -> str | None:
    """Say why nothing inside a module can be captured, if so."""
    import torch

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
    if hasattr(module.forward, "_torchdynamo_orig_callable"):
        return (
            "its forward is compiled, and hooks of its layers may never be called; capture a model "
            "whose forward is not"
        )
    return None


def _refuse_layer(adapter: Adapter, base: type[nn.Module], layer: nn.Module) -> str | None:
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
    return adapter.refusal(layer)


def _looks_like_attention(layer: nn.Module) -> str | None:
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


def _common_keys(model: nn.Module, paths: Sequence[str]) -> tuple[object, ...]:
    """Return the keys on the way to a layer, whichever of its ``paths`` is taken.

    A layer that several relations share is held under the key of each, and no key tells whose
    edges it works on.
    """
    first, *others = (tuple(_keys(model, path)) for path in paths)
    return tuple(key for key in first if all(key in keys for keys in others))


def _keys(model: nn.Module, path: str) -> Iterator[object]:
    """Return the keys of the module dictionaries on the way to ``path``, as their owner wrote them.

    PyG's dictionary takes tuples as keys and gives them back so.
    """
    parent = model
    for name in path.split(".") if path else []:
        children = parent._modules  # noqa: SLF001  (by the inner name, which path holds)
        if isinstance(parent, nn.ModuleDict):
            yield dict(zip(children, parent.keys(), strict=True))[name]
        child = children[name]
        assert child is not None
        parent = child
