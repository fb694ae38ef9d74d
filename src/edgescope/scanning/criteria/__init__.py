"""Criteria: which activation is called massive.

A criterion is a :class:`Rule`. Bounds that are the same everywhere are a :class:`Criterion`, those
of every site that an untrained ensemble exceeds at a stated rate come from :class:`Calibrated`. To
add one of your own, see ``docs/extending-criterion.md``.

Example:
    >>> from edgescope.scanning.criteria import Criterion, criterion
    >>> rule = criterion("paper2025") | Criterion("large", ratio=0, magnitude=50)
    >>> rule.name
    '(paper2025 | large)'
    >>> rule.in_words()
    '(ratio above 1,000) or (magnitude above 50)'
"""

from edgescope.scanning.criteria.bounds import EDGE, Bounds, Thresholds, exceeds
from edgescope.scanning.criteria.false_positive_rate import Calibrated, CalibratedCriterion
from edgescope.scanning.criteria.presets import PRESETS, criterion
from edgescope.scanning.criteria.rule import KINDS, Both, Either, Rule, read_rule
from edgescope.scanning.criteria.thresholds import Criterion
from edgescope.statistics.sketch import Ensemble
from edgescope.statistics.sketch_layout import PAPER_RATIO, SUN_MAGNITUDE

__all__ = [
    "EDGE",
    "KINDS",
    "PAPER_RATIO",
    "PRESETS",
    "SUN_MAGNITUDE",
    "Both",
    "Bounds",
    "Calibrated",
    "CalibratedCriterion",
    "Criterion",
    "Either",
    "Ensemble",
    "Rule",
    "Thresholds",
    "criterion",
    "exceeds",
    "read_rule",
]
