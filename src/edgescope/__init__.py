"""See what attention does on the edges of a graph neural network.

``capture``, ``diagnose`` and ``scan`` are bound here at once, as they pull in nothing beyond torch.
Everything else is loaded when it is first used.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import warn

from edgescope.capturing import capture
from edgescope.diagnosis import diagnose
from edgescope.lib.old_names import OLD, keep_old_names
from edgescope.lib.version import __version__
from edgescope.scanning.criteria import PRESETS, Calibrated, Criterion, Rule, criterion
from edgescope.scanning.merge import merge_scans
from edgescope.scanning.scan import Scan, load_scan, scan
from edgescope.scanning.store import has_scan, save_scan
from edgescope.scanning.untrained_ensemble import Untrained

__all__ = [
    "PRESETS",
    "Ablation",
    "Calibrated",
    "Criterion",
    "LargeGraph",
    "MassiveActivationExplainer",
    "MassiveActivations",
    "Monitor",
    "NoiseAttack",
    "Reallocation",
    "Rule",
    "Scan",
    "SeedScans",
    "TrainingRecord",
    "Untrained",
    "__version__",
    "ablate",
    "attribute",
    "callbacks",
    "capture",
    "capturing",
    "criterion",
    "data",
    "diagnose",
    "diagnosis",
    "errors",
    "gather_scans",
    "has_scan",
    "integrations",
    "interpret",
    "load_scan",
    "merge_scans",
    "models",
    "monitor",
    "noise_attack",
    "predict_large",
    "reallocation",
    "report",
    "scan",
    "scan_large",
    "scan_seeds",
    "study",
    "train",
]

if TYPE_CHECKING:
    from edgescope import (
        attribute,
        capturing,
        data,
        diagnosis,
        integrations,
        interpret,
        models,
        report,
        study,
        train,
    )
    from edgescope.attribute import MassiveActivationExplainer
    from edgescope.intervene import (
        Ablation,
        NoiseAttack,
        Reallocation,
        ablate,
        noise_attack,
        reallocation,
    )
    from edgescope.large import LargeGraph, predict_large
    from edgescope.lib import errors
    from edgescope.scanning.large_scan import scan_large
    from edgescope.scanning.merge import gather_scans
    from edgescope.scanning.monitoring import monitor
    from edgescope.scanning.monitoring.training_monitor import Monitor
    from edgescope.scanning.monitoring.training_record import TrainingRecord
    from edgescope.scanning.seeds import SeedScans, scan_seeds
    from edgescope.statistics.counting.torchmetric import MassiveActivations
    from edgescope.train import callbacks

_LAZY = {
    "Ablation": "edgescope.intervene",
    "LargeGraph": "edgescope.large",
    "MassiveActivationExplainer": "edgescope.attribute",
    "MassiveActivations": "edgescope.statistics.counting.torchmetric",
    "Monitor": "edgescope.scanning.monitoring.training_monitor",
    "NoiseAttack": "edgescope.intervene",
    "Reallocation": "edgescope.intervene",
    "SeedScans": "edgescope.scanning.seeds",
    "TrainingRecord": "edgescope.scanning.monitoring.training_record",
    "ablate": "edgescope.intervene",
    "callbacks": "edgescope.train",
    "errors": "edgescope.lib",
    "gather_scans": "edgescope.scanning.merge",
    "monitor": "edgescope.scanning.monitoring",
    "noise_attack": "edgescope.intervene",
    "predict_large": "edgescope.large",
    "reallocation": "edgescope.intervene",
    "scan_large": "edgescope.scanning.large_scan",
    "scan_seeds": "edgescope.scanning.seeds",
}
"""Name of everything else to the module that holds it."""


def _write_report(scan: Scan, path: Path, **options: Any) -> Path:
    from edgescope.report import write_report

    return write_report(scan, path, **options)


# What stands above a scan, handed to it here so that no room imports from one above it.
Scan._merge = merge_scans  # noqa: SLF001
Scan._save = save_scan  # noqa: SLF001
Scan._report = _write_report  # noqa: SLF001


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

keep_old_names()


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name in {"attribute", "data", "integrations", "interpret", "models", "report"} | {
        "study",
        "train",
    }:
        return importlib.import_module(f"edgescope.{name}")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if f"edgescope.{name}" in OLD:
        return sys.modules[f"edgescope.{name}"]
    raise AttributeError(f"module 'edgescope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
