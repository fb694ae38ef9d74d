"""See what attention does on the edges of a graph neural network.

``capture``, ``diagnose`` and ``scan`` are bound here at once: each is a function that bears the
name of the module it lives in, and an import of that module must not hide it. They pull in nothing
beyond torch. Everything else is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from edgescope.capturing import capture
from edgescope.diagnosis import diagnose
from edgescope.scanning.scan import Scan, load_scan, scan
from edgescope.scanning.untrained import Untrained
from edgescope.statistics.criteria import Calibrated, Criterion

__version__ = "0.1.0"
"""Version of the package.

Example:
    >>> import edgescope as es
    >>> es.__version__.count(".")
    2
"""

__all__ = [
    "Ablation",
    "Calibrated",
    "Criterion",
    "LargeGraph",
    "MassiveActivationExplainer",
    "MassiveActivations",
    "NoiseAttack",
    "Reallocation",
    "Scan",
    "SeedScans",
    "Untrained",
    "__version__",
    "ablate",
    "attribute",
    "capture",
    "data",
    "diagnose",
    "gather_scans",
    "interpret",
    "load_scan",
    "merge_scans",
    "models",
    "noise_attack",
    "predict_large",
    "reallocation",
    "scan",
    "scan_large",
    "scan_seeds",
    "study",
    "train",
]

if TYPE_CHECKING:
    from edgescope import attribute, data, interpret, models, study, train
    from edgescope.attribute import MassiveActivationExplainer
    from edgescope.intervene import (
        Ablation,
        NoiseAttack,
        Reallocation,
        ablate,
        noise_attack,
        reallocation,
    )
    from edgescope.large import LargeGraph, predict_large, scan_large
    from edgescope.scanning.merge import gather_scans, merge_scans
    from edgescope.scanning.seeds import SeedScans, scan_seeds
    from edgescope.statistics.metric import MassiveActivations

_LAZY = {
    "Ablation": "edgescope.intervene",
    "LargeGraph": "edgescope.large",
    "MassiveActivationExplainer": "edgescope.attribute",
    "MassiveActivations": "edgescope.statistics.metric",
    "NoiseAttack": "edgescope.intervene",
    "Reallocation": "edgescope.intervene",
    "SeedScans": "edgescope.scanning.seeds",
    "ablate": "edgescope.intervene",
    "gather_scans": "edgescope.scanning.merge",
    "merge_scans": "edgescope.scanning.merge",
    "noise_attack": "edgescope.intervene",
    "predict_large": "edgescope.large",
    "reallocation": "edgescope.intervene",
    "scan_large": "edgescope.large",
    "scan_seeds": "edgescope.scanning.seeds",
}
"""Name of everything else to the module that holds it."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name in {"attribute", "data", "interpret", "models", "study", "train"}:
        return importlib.import_module(f"edgescope.{name}")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'edgescope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
