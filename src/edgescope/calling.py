"""Calling a user's model on a batch, by the names of its arguments."""

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from edgescope.errors import InputError

Call = Callable[[nn.Module, Any], Any]


def call_model(model: nn.Module, batch: Any) -> Any:  # noqa: ANN401  (any PyG batch, any output)
    """Call ``model`` with the attributes of ``batch`` that its ``forward`` asks for by name.

    A ``forward`` with a single parameter that the batch has no attribute for gets the batch
    itself.

    Raises:
        InputError: if ``forward`` requires something that the batch has not got.
    """
    parameters = [
        parameter
        for parameter in inspect.signature(model.forward).parameters.values()
        if parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]
    given = {
        parameter.name: getattr(batch, parameter.name)
        for parameter in parameters
        if getattr(batch, parameter.name, None) is not None
    }
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
