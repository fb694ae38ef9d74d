"""The architectures by name."""

import importlib
from typing import Any

from torch import nn

from edgescope.errors import InputError, did_you_mean

ARCHITECTURES = {
    "GraphTransformer": "edgescope.models.graph_transformer",
    "SAN": "edgescope.models.san",
    "GraphiT": "edgescope.models.graphit",
    "GAT": "edgescope.models.convolutions",
    "GATv2": "edgescope.models.convolutions",
    "TransformerConv": "edgescope.models.convolutions",
    "GPS": "edgescope.models.convolutions",
}
"""Name of every architecture to the module that holds it; some of them import PyG's layers."""


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
    except (TypeError, ValueError) as error:
        reason = str(error).removeprefix(f"{name}.__init__() ")
        raise InputError(f"cannot build {name}: {reason}; check the settings") from error


def nearest(name: str) -> str:
    """Say which architecture may be meant, or which there are."""
    return did_you_mean(name, ARCHITECTURES, f"expected one of {', '.join(ARCHITECTURES)}")
