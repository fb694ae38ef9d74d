"""Ratios, the mergeable sketch of a site, criteria and the gamma fit.

The torchmetrics metric is in :mod:`edgescope.statistics.counting.torchmetric`; it is not imported
here because torchmetrics takes more than a second to load.
"""

from edgescope.statistics.bins import LogBins
from edgescope.statistics.criteria import Calibrated, Criterion, Rule, criterion
from edgescope.statistics.gamma import GammaFit, fit_gamma
from edgescope.statistics.ratio import EdgeRatios, edge_ratios
from edgescope.statistics.sketch import SiteSketch, SketchLayout

__all__ = [
    "Calibrated",
    "Criterion",
    "EdgeRatios",
    "GammaFit",
    "LogBins",
    "Rule",
    "SiteSketch",
    "SketchLayout",
    "criterion",
    "edge_ratios",
    "fit_gamma",
]
