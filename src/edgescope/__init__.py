"""See what attention does on the edges of a graph neural network.

``capture``, ``diagnose`` and ``scan`` are bound here at once, as they pull in nothing beyond torch.
Everything else is loaded when it is first used.
"""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from warnings import warn

from edgescope.capturing import capture
from edgescope.diagnosis import diagnose
from edgescope.scanning.scan import Scan, load_scan, scan
from edgescope.scanning.untrained import Untrained
from edgescope.statistics.criteria import PRESETS, Calibrated, Criterion, Rule, criterion

__version__ = "0.1.0"

__all__ = [
    "PRESETS",
    "Ablation",
    "Calibrated",
    "Criterion",
    "LargeGraph",
    "MassiveActivationExplainer",
    "MassiveActivations",
    "NoiseAttack",
    "Reallocation",
    "Rule",
    "Scan",
    "SeedScans",
    "Untrained",
    "__version__",
    "ablate",
    "attribute",
    "capture",
    "capturing",
    "criterion",
    "data",
    "diagnose",
    "diagnosis",
    "gather_scans",
    "has_scan",
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
    from edgescope import attribute, capturing, data, diagnosis, interpret, models, study, train
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
    from edgescope.scanning.store import has_scan
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
    "has_scan": "edgescope.scanning.store",
    "merge_scans": "edgescope.scanning.merge",
    "noise_attack": "edgescope.intervene",
    "predict_large": "edgescope.large",
    "reallocation": "edgescope.intervene",
    "scan_large": "edgescope.large",
    "scan_seeds": "edgescope.scanning.seeds",
}
"""Name of everything else to the module that holds it."""


def _from_twins(name: str) -> Callable[..., Any]:
    """Return an experiment of ``es.study.twins`` under its old name in ``es.diagnose``."""

    def experiment(*args: Any, **options: Any) -> Any:  # noqa: ANN401  (as the experiment has it)
        instead = f"es.study.twins.{name}"
        warn(f"es.diagnose.{name} is now {instead}", DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module("edgescope.study.twins"), name)(*args, **options)

    return experiment


# Studies are above diagnosis: what it once held of them is handed to it here.
for _name in ("escapes", "many_heads", "tie_frequencies", "tutorial_example"):
    setattr(diagnose, _name, _from_twins(_name))


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name in {"attribute", "data", "interpret", "models", "study", "train"}:
        return importlib.import_module(f"edgescope.{name}")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'edgescope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
