"""What every remedy does to a layer: mostly to build it anew, with other arguments."""

import copy
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.capturing.adapters.adapter import Adapter, Layer
from edgescope.capturing.adapters.registry import adapters, class_name, find_adapter
from edgescope.diagnosis.layer_info import LayerInfo
from edgescope.lib.errors import InputError


def arguments_of(layer: nn.Module, **changes: Any) -> dict[str, Any]:
    """Return the arguments that a layer of PyG was built with, with some of them changed.

    PyG's layers keep each argument as an attribute of its name.

    Raises:
        InputError: if the layer does not tell one of its arguments.
    """
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(type(layer).__init__).parameters.items():
        if name == "self" or parameter.kind == parameter.VAR_KEYWORD:
            continue
        if name == "bias":
            found[name] = _has_bias(layer)
        elif hasattr(layer, name):
            found[name] = getattr(layer, name)
        elif parameter.default is parameter.empty and name not in changes:
            raise InputError(
                f"cannot tell with which {name} this {type(layer).__name__} was built; build the "
                "changed layer yourself"
            )
    found["flow"] = getattr(layer, "flow", "source_to_target")
    return {**found, **changes}


def rebuilt(layer: nn.Module, **changes: Any) -> nn.Module:
    """Return a new layer of the same class, with weights drawn anew."""
    new: nn.Module = type(layer)(**arguments_of(layer, **changes))
    return new


def _has_bias(layer: nn.Module) -> bool:
    bias = layer.bias if hasattr(layer, "bias") else layer.get_submodule("lin_key").bias
    return bias is not None


def expect(layer: nn.Module, remedy: str) -> Adapter:
    """Return the adapter of a layer, which must say that a remedy is for exactly its class.

    Raises:
        InputError: if it does not.
    """
    found = find_adapter(layer)
    if found is not None and found[1] is type(layer) and remedy in found[0].remedies:
        return found[0]
    names = dict.fromkeys(class_name(each) for each in adapters() if remedy in each.remedies)
    raise InputError(
        f"the remedy {remedy!r} is for {' and '.join(names)}, received a {type(layer).__name__}; "
        "change it yourself"
    )


class Normalised(nn.Module):
    """A layer that is given its node states after a layer norm.

    Args:
        layer: takes node states ``[V, F]`` first.
        channels: ``F``.
    """

    def __init__(self, layer: nn.Module, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.layer = layer

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (the layer's)
        """Return what the layer returns for the normalised states.

        Raises:
            InputError: if sources and targets have states of their own.
        """
        if not isinstance(x, Tensor):
            raise InputError(
                f"received a {type(x).__name__} in place of node states, which the remedy 'norm' "
                "cannot normalise; add norms of sources and of targets yourself"
            )
        return self.layer(self.norm(x), *args, **kwargs)


def applicable(name: str, layer: nn.Module, **options: Any) -> str | None:
    """Return the name of a remedy if it fits a layer, else ``None``.

    Args:
        name: the remedy.
        layer: the layer; it is left as it was.
        options: what the remedy needs to know beside, such as ``edge_dim``.
    """
    try:
        with torch.device("meta"):  # takes neither memory nor random numbers
            REMEDIES[name](layer, **options)
    except InputError:
        return None
    return name


def instead(info: LayerInfo, more: str) -> str:
    """Say which layer to take in place of one whose attention is static, if one is known."""
    name = (info.adapter.dynamic or "").rpartition(".")[2]
    return f"{name or 'a dynamic layer'} instead of {type(info.layer).__name__}, {more}"


def _dynamic(layer: Layer) -> nn.Module:
    adapter = expect(layer, "gatv2")
    if layer.aggr != "add":
        raise InputError(
            f"received a {type(layer).__name__} with aggr={layer.aggr!r}, expected 'add'"
        )
    module, _, name = (adapter.dynamic or "").rpartition(".")
    new: nn.Module = getattr(import_module(module), name)(**arguments_of(layer))
    return new


def _more_heads(layer: Layer) -> nn.Module:
    expect(layer, "more-heads")
    heads, channels = layer.heads, layer.out_channels
    if layer.concat and channels % 2:
        raise InputError(
            f"received a {type(layer).__name__} with {channels} channels in each of {heads} "
            "concatenated heads, expected an even number to share among twice the heads"
        )
    width = channels // 2 if layer.concat else channels
    return rebuilt(layer, heads=2 * heads, out_channels=width)


def _edge_dim(layer: Layer, edge_dim: int | None = None) -> nn.Module:
    expect(layer, "edge-dim")
    if layer.edge_dim is not None:
        raise InputError(
            f"received a {type(layer).__name__} with edge_dim={layer.edge_dim}, expected one "
            "without; check that it is given edge_attr"
        )
    if edge_dim is None or edge_dim < 1:
        raise InputError(
            f"received edge_dim={edge_dim} for the remedy 'edge-dim', expected the number of "
            "features of an edge; pass edge_dim="
        )
    return rebuilt(layer, edge_dim=edge_dim)


def _residual(layer: Layer) -> nn.Module:
    expect(layer, "residual")
    if layer.residual:
        raise InputError(
            f"received a {type(layer).__name__} with residual=True, expected one without"
        )
    return rebuilt(layer, residual=True)


def _norm(layer: Layer) -> nn.Module:
    expect(layer, "norm")
    if not isinstance(layer.in_channels, int):
        raise InputError(
            f"received a {type(layer).__name__} whose sources and targets have states of their "
            "own, expected one for both; add norms yourself"
        )
    return Normalised(rebuilt(layer), layer.in_channels)


def _self_loops(layer: Layer) -> nn.Module:
    expect(layer, "self-loops")
    if layer.add_self_loops:
        raise InputError(
            f"received a {type(layer).__name__} with add_self_loops=True, expected one without"
        )
    return rebuilt(layer, add_self_loops=True)


def _no_self_loops(layer: Layer) -> nn.Module:
    if getattr(layer, "add_self_loops", None) is not True:
        raise InputError(
            f"received a {type(layer).__name__} that adds no self-loops, expected one with "
            "add_self_loops=True"
        )
    new: nn.Module = copy.copy(layer)  # its parameters are those of the copy of the model
    new.add_self_loops = False  # type: ignore[assignment]  # no tensor
    return new


REMEDIES: Mapping[str, Callable[..., nn.Module]] = {
    "gatv2": _dynamic,
    "more-heads": _more_heads,
    "edge-dim": _edge_dim,
    "residual": _residual,
    "norm": _norm,
    "self-loops": _self_loops,
    "no-self-loops": _no_self_loops,
}
"""Name of every remedy to what makes the new layer from the old one."""
