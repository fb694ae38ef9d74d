"""Calling a user's model on a batch, by the names of its arguments."""

import inspect
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from edgescope.errors import InputError

Call = Callable[[nn.Module, Any], Any]

_SIGNATURES: WeakKeyDictionary[Any, inspect.Signature] = WeakKeyDictionary()
"""Signatures by function: finding one takes longer than a small layer."""


def forward_signature(module: nn.Module) -> inspect.Signature:
    """Return the signature of ``module.forward``, without ``self``."""
    forward = module.forward
    function = getattr(forward, "__func__", None)
    if function is None:  # not a method: someone has put it into this module alone
        return inspect.signature(forward)
    if function not in _SIGNATURES:
        _SIGNATURES[function] = inspect.signature(forward)
    return _SIGNATURES[function]


def call_model(model: nn.Module, batch: Any) -> Any:  # noqa: ANN401  (any PyG batch, any output)
    """Call ``model`` with the attributes of ``batch`` that its ``forward`` asks for by name.

    If the batch is heterogeneous, an argument ``x`` gets ``batch.x_dict``, the features by node
    type; likewise ``edge_index``, ``batch`` and any other, as models made by
    :func:`torch_geometric.nn.to_hetero` expect. An argument may also be called ``x_dict``.

    A ``forward`` with a single required parameter that the batch has no attribute for gets the
    batch itself.

    Raises:
        InputError: if ``forward`` requires something that the batch has not got.
    """
    parameters = [
        parameter
        for parameter in forward_signature(model).parameters.values()
        if parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]
    found = {parameter.name: attribute(batch, parameter.name) for parameter in parameters}
    given = {name: value for name, value in found.items() if value is not None}
    required = [p.name for p in parameters if p.default is p.empty]
    missing = [name for name in required if name not in given]
    if missing and len(required) == 1:
        return model(batch)
    if missing:
        raise InputError(
            f"{type(model).__name__}.forward needs {', '.join(missing)}, which the batch has not "
            f"got; rename its arguments after the batch's attributes or pass call="
        )
    return model(**given)


def attribute(batch: Any, name: str) -> Any:  # noqa: ANN401  (as above)
    """Return what ``batch`` holds under ``name``, or by node or edge type under ``name_dict``.

    ``None`` if it holds neither; a method is nothing that it holds.
    """
    for variant in (name, f"{name}_dict"):
        try:
            found = getattr(batch, variant, None)
        except KeyError:  # HeteroData's answer for a name that none of its types has
            continue
        if found is not None and not inspect.ismethod(found):
            return found
    return None
