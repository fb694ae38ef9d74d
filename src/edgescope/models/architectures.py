"""The architectures by name."""

import importlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.input_files import check_memory

ARCHITECTURES = {
    "GraphTransformer": "edgescope.models.graph_transformer",
    "SAN": "edgescope.models.san",
    "GraphiT": "edgescope.models.graphit",
    "GAT": "edgescope.models.convolutions",
    "GATv2": "edgescope.models.convolutions",
    "TransformerConv": "edgescope.models.convolutions",
    "GPS": "edgescope.models.convolutions",
}
"""Name of every architecture to the module that holds it; some of them import PyG's layers.

Example:
    >>> from edgescope.models import ARCHITECTURES
    >>> sorted(ARCHITECTURES)
    ['GAT', 'GATv2', 'GPS', 'GraphTransformer', 'GraphiT', 'SAN', 'TransformerConv']
"""

PER_TENSOR = 2**12
"""Bytes that a parameter and its part of a module take beside its numbers, about."""


def architecture(name: str) -> type[nn.Module]:
    """Return the class of an architecture.

    Raises:
        InputError: if there is none of that name.
    """
    if name not in ARCHITECTURES:
        raise InputError(f"unknown architecture {name!r}, {nearest(name)}; check the name")
    found: type[nn.Module] = getattr(importlib.import_module(ARCHITECTURES[name]), name)
    return found


def build(name: str, **settings: Any) -> nn.Module:
    """Build a model by the name of its architecture.

    Args:
        name: the architecture, such as ``"SAN"``.
        **settings: the arguments of its constructor.

    Raises:
        InputError: if there is no such architecture, or if it cannot be built so.

    Example:
        >>> from edgescope.models import build
        >>> type(build("SAN", num_atom_types=5, num_bond_types=4, num_layers=1)).__name__
        'SAN'
    """
    kind = architecture(name)
    try:
        return kind(**settings)
    except (OverflowError, RuntimeError, TypeError, ValueError) as error:
        # Of torch, only the first line is for people.
        reason = str(error).removeprefix(f"{name}.__init__() ").partition("\n")[0]
        raise InputError(f"cannot build {name}: {reason}; check the settings") from error


def build_within(
    name: str, settings: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]
) -> nn.Module:
    """Build a model after a look at whether it has the tensors of a file.

    It is built without memory first, and no further than to twice the parameters of the file.

    Args:
        name: the architecture.
        settings: the arguments of its constructor.
        shapes: shape of every tensor of the file by its name.

    Raises:
        InputError: if there is no such architecture, if it cannot be built so, or if it has more
            parameters than the file, or others of other sizes in total.
    """
    # Some of them may be registered in two places.
    with _at_most(2 * len(shapes)), without_memory():
        model = build(name, **settings)
    held = sum(torch.Size(shape).numel() for shape in shapes.values())
    size = sum(tensor.numel() for tensor in model.state_dict().values())
    if size <= held:
        return build(name, **settings)
    # Too large for the file: what differs is told without taking memory for it.
    return model


def check_size(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse a model that does not fit the memory, without building it.

    Its size grows by as much with every layer, so models of one and two layers tell that of all.

    Args:
        name: the architecture.
        settings: the arguments of its constructor.

    Raises:
        InputError: if there is no such architecture, it cannot be built so, or it does not fit.
    """
    layers = {key: count for key, count in settings.items() if key.endswith("_layers")}
    one = _size(name, {**settings, **dict.fromkeys(layers, 1)})
    needed = one + sum(
        (count - 1) * (_size(name, {**settings, **dict.fromkeys(layers, 1), key: 2}) - one)
        for key, count in layers.items()
    )
    check_memory(needed, f"a {name} with {', '.join(f'{k}={v}' for k, v in settings.items())}")


def _size(name: str, settings: Mapping[str, Any]) -> int:
    """Return the bytes that a small number of layers takes."""
    with without_memory():
        state = build(name, **settings).state_dict()
    return sum(each.numel() * each.element_size() + PER_TENSOR for each in state.values())


_DRAWS = {torch.Tensor.normal_, torch.Tensor.uniform_}


class _Undrawn(TorchFunctionMode):
    """Draws no initial values into tensors without memory, for which torch loads its compiler."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  (as torch has it)
        del types
        options = dict(kwargs or {})
        # Of torch.nn.init, some come here themselves, others with the method that they call.
        if func in _DRAWS or getattr(func, "__module__", "") == "torch.nn.init":
            return options.get("tensor", args[0] if args else None)
        return func(*args, **options)


@contextmanager
def without_memory() -> Iterator[None]:
    """Build models in a block that take neither memory nor random numbers: shapes alone."""
    with torch.device("meta"), _Undrawn():
        yield


@contextmanager
def _at_most(count: int) -> Iterator[None]:
    """Stop a model that has more parameters than ``count`` while it is being built."""
    here, found = threading.get_ident(), 0

    def counted(_: nn.Module, __: str, parameter: nn.Parameter | None) -> None:
        nonlocal found
        if threading.get_ident() == here:
            found += parameter is not None
            if found > count:
                raise ValueError("it has more parameters than the file")

    handle = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        handle.remove()


def nearest(name: str) -> str:
    """Say which architecture may be meant, or which there are."""
    return did_you_mean(name, ARCHITECTURES, f"expected one of {', '.join(ARCHITECTURES)}")
