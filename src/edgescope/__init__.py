"""See what attention does on the edges of a graph neural network.

``capture`` and ``scan`` are bound here at once: each is a function that bears the name of the
module it lives in, and an import of that module must not hide it. They pull in nothing beyond
torch. Everything else is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from edgescope.capture import capture
from edgescope.scan import Scan, load_scan, scan

__version__ = "0.1.0"

__all__ = [
    "MassiveActivations",
    "Scan",
    "__version__",
    "capture",
    "data",
    "load_scan",
    "models",
    "scan",
    "train",
]

if TYPE_CHECKING:
    from edgescope import data, models, train
    from edgescope.statistics.metric import MassiveActivations


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name in {"data", "models", "train"}:
        return importlib.import_module(f"edgescope.{name}")
    if name == "MassiveActivations":
        return importlib.import_module("edgescope.statistics.metric").MassiveActivations
    raise AttributeError(f"module 'edgescope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
