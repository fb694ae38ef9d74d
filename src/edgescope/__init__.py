"""See what attention does on the edges of a graph neural network.

``capture``, ``diagnose`` and ``scan`` are bound here at once: each is a function that bears the
name of the module it lives in, and an import of that module must not hide it. They pull in nothing
beyond torch. Everything else is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from edgescope.baseline import Untrained
from edgescope.capture import capture
from edgescope.diagnose import diagnose
from edgescope.scan import Scan, load_scan, scan
from edgescope.statistics.criteria import Calibrated, Criterion

__version__ = "0.1.0"

__all__ = [
    "Calibrated",
    "Criterion",
    "LargeGraph",
    "MassiveActivations",
    "NoiseAttack",
    "Scan",
    "SeedScans",
    "Untrained",
    "__version__",
    "capture",
    "data",
    "diagnose",
    "gather_scans",
    "load_scan",
    "merge_scans",
    "models",
    "noise_attack",
    "predict_large",
    "scan",
    "scan_large",
    "scan_seeds",
    "study",
    "train",
]

if TYPE_CHECKING:
    from edgescope import data, models, study, train
    from edgescope.intervene import NoiseAttack, noise_attack
    from edgescope.large import LargeGraph, predict_large, scan_large
    from edgescope.merging import gather_scans, merge_scans
    from edgescope.seeds import SeedScans, scan_seeds
    from edgescope.statistics.metric import MassiveActivations

_LAZY = {
    "LargeGraph": "edgescope.large",
    "MassiveActivations": "edgescope.statistics.metric",
    "NoiseAttack": "edgescope.intervene",
    "SeedScans": "edgescope.seeds",
    "gather_scans": "edgescope.merging",
    "merge_scans": "edgescope.merging",
    "noise_attack": "edgescope.intervene",
    "predict_large": "edgescope.large",
    "scan_large": "edgescope.large",
    "scan_seeds": "edgescope.seeds",
}
"""Name of everything else to the module that holds it."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name in {"data", "models", "study", "train"}:
        return importlib.import_module(f"edgescope.{name}")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'edgescope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
