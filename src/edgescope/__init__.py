"""See what attention does on the edges of a graph neural network.

Everything is loaded when it is first used, so that ``import edgescope`` imports not even torch.
"""

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from warnings import warn

from edgescope.lib.handovers import hand_over
from edgescope.lib.old_names import OLD, keep_old_names
from edgescope.lib.version import __version__

__all__ = [
    "PRESETS",
    "Ablation",
    "Calibrated",
    "Causes",
    "Criterion",
    "LargeGraph",
    "MassiveActivationExplainer",
    "MassiveActivations",
    "Monitor",
    "NoiseAttack",
    "Precision",
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
    "causes",
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
    "precision",
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
    from edgescope.capturing import capture
    from edgescope.diagnosis import diagnose
    from edgescope.intervene import (
        Ablation,
        Causes,
        NoiseAttack,
        Precision,
        Reallocation,
        ablate,
        causes,
        noise_attack,
        precision,
        reallocation,
    )
    from edgescope.large import LargeGraph, predict_large
    from edgescope.lib import errors
    from edgescope.scanning.criteria import PRESETS, Calibrated, Criterion, Rule, criterion
    from edgescope.scanning.large_scan import scan_large
    from edgescope.scanning.merge import gather_scans, merge_scans
    from edgescope.scanning.monitoring import monitor
    from edgescope.scanning.monitoring.training_monitor import Monitor
    from edgescope.scanning.monitoring.training_record import TrainingRecord
    from edgescope.scanning.scan import Scan, load_scan, scan
    from edgescope.scanning.seeds import SeedScans, scan_seeds
    from edgescope.scanning.store import has_scan
    from edgescope.scanning.untrained_ensemble import Untrained
    from edgescope.statistics.counting.torchmetric import MassiveActivations
    from edgescope.train import callbacks

_LAZY = {
    "PRESETS": "edgescope.scanning.criteria",
    "Ablation": "edgescope.intervene",
    "Calibrated": "edgescope.scanning.criteria",
    "Causes": "edgescope.intervene",
    "Criterion": "edgescope.scanning.criteria",
    "LargeGraph": "edgescope.large",
    "MassiveActivationExplainer": "edgescope.attribute",
    "MassiveActivations": "edgescope.statistics.counting.torchmetric",
    "Monitor": "edgescope.scanning.monitoring.training_monitor",
    "NoiseAttack": "edgescope.intervene",
    "Precision": "edgescope.intervene",
    "Reallocation": "edgescope.intervene",
    "Rule": "edgescope.scanning.criteria",
    "Scan": "edgescope.scanning.result",
    "SeedScans": "edgescope.scanning.seeds",
    "TrainingRecord": "edgescope.scanning.monitoring.training_record",
    "Untrained": "edgescope.scanning.untrained_ensemble",
    "ablate": "edgescope.intervene",
    "callbacks": "edgescope.train",
    "capture": "edgescope.capturing",
    "causes": "edgescope.intervene",
    "criterion": "edgescope.scanning.criteria",
    "diagnose": "edgescope.diagnosis",
    "gather_scans": "edgescope.scanning.merge",
    "has_scan": "edgescope.scanning.store",
    "load_scan": "edgescope.scanning.store",
    "merge_scans": "edgescope.scanning.merge",
    "monitor": "edgescope.scanning.monitoring",
    "noise_attack": "edgescope.intervene",
    "precision": "edgescope.intervene",
    "predict_large": "edgescope.large",
    "reallocation": "edgescope.intervene",
    "scan": "edgescope.scanning.scan",
    "scan_large": "edgescope.scanning.large_scan",
    "scan_seeds": "edgescope.scanning.seeds",
}
"""Name of everything but rooms to the module that holds it."""

_ROOMS = {
    *("attribute", "capturing", "data", "diagnosis", "integrations", "interpret", "intervene"),
    *("large", "lib", "models", "plots", "report", "scanning", "statistics", "study", "train"),
}

# What stands above a scan or a study, so that no room imports from one above it.
hand_over(
    dossier_page="edgescope.report.dossier_page",
    merge_scans="edgescope.scanning.merge",
    save_scan="edgescope.scanning.store",
    write_report="edgescope.report",
)
keep_old_names()

_TWINS = ("escapes", "many_heads", "tie_frequencies", "tutorial_example")
"""What ``es.diagnose`` once held of the studies, which stand above diagnosis."""


def _from_twins(name: str) -> Callable[..., Any]:
    """Return an experiment of ``es.study.twins`` under its old name in ``es.diagnose``."""

    def experiment(*args: Any, **options: Any) -> Any:  # noqa: ANN401  (as the experiment has it)
        instead = f"es.study.twins.{name}"
        warn(f"es.diagnose.{name} is now {instead}", DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module("edgescope.study.twins"), name)(*args, **options)

    return experiment


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name in _ROOMS:
        return importlib.import_module(f"edgescope.{name}")
    if name == "errors":
        return importlib.import_module("edgescope.lib.errors")
    if name in _LAZY:
        found = getattr(importlib.import_module(_LAZY[name]), name)
        if name == "diagnose":
            for each in _TWINS:
                setattr(found, each, _from_twins(each))
        globals()[name] = found
        return found
    if f"edgescope.{name}" in OLD:
        return sys.modules[f"edgescope.{name}"]
    raise AttributeError(f"module 'edgescope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
