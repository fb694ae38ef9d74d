"""Ratios, the mergeable sketch of a site, and the gamma fit.

The torchmetrics metric is in :mod:`edgescope.statistics.counting.torchmetric`; it is not imported
here because torchmetrics takes more than a second to load.
"""

from edgescope.lib.old_names import moved
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

__getattr__ = moved(__name__, {"Calibrated", "Criterion", "Rule", "criterion"}, "scanning.criteria")
