"""Building a layer of PyG anew, with other arguments than it was built with."""

import inspect
from typing import Any

from torch import Tensor, nn

from edgescope.capturing.adapters.adapter import Adapter
from edgescope.capturing.adapters.registry import adapters, class_name, find_adapter
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
