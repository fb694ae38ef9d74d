"""Ratios, the mergeable sketch of a site, and the gamma fit.

The torchmetrics metric is in :mod:`edgescope.statistics.counting.torchmetric`; it is not imported
here because torchmetrics takes more than a second to load.
"""

import importlib
from typing import Any
from warnings import warn

from edgescope.statistics.bins import LogBins
from edgescope.statistics.gamma import GammaFit, fit_gamma
from edgescope.statistics.ratio import EdgeRatios, edge_ratios
from edgescope.statistics.sketch import SiteSketch
from edgescope.statistics.sketch_layout import SketchLayout

__all__ = [
    "EdgeRatios",
    "GammaFit",
    "LogBins",
    "SiteSketch",
    "SketchLayout",
    "edge_ratios",
    "fit_gamma",
]

_MOVED = {"Calibrated", "Criterion", "Rule", "criterion"}
"""What was here before criteria had a room of their own."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name in _MOVED:
        place = "edgescope.scanning.criteria"
        warn(
            f"edgescope.statistics.{name} is now {place}.{name}; import it from there",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(importlib.import_module(place), name)
    raise AttributeError(f"module 'edgescope.statistics' has no attribute {name!r}")
