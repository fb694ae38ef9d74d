"""What the scans of a model and of its baseline share."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import nn

from edgescope.capturing.forward_pass import Trust
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import NotedCall
from edgescope.scanning.criteria import Bounds, Rule
from edgescope.scanning.edge_types import EdgeTypes
from edgescope.scanning.result import Scan
from edgescope.scanning.shards import Shards
from edgescope.scanning.untrained_ensemble import Untrained


class Settings(NamedTuple):
    """What the scans of a model and of its baseline share."""

    types: EdgeTypes
    inputs: Mapping[str, str]
    call: NotedCall
    rule: Rule
    keep_ratio: float | None
    keep_magnitude: float | None
    max_rows: int
    joint_budget: int
    shards: Shards
    progress: bool
    title: str = "scanning {model}"
    trust: Trust = ()

    def floor(self, site: str) -> Bounds:
        """Return what an activation of a site must exceed, one of the two, to be kept."""
        ratio, magnitude = self.keep_ratio, self.keep_magnitude
        if ratio is None or magnitude is None:
            asked = self.rule.bounds(site)
            ratio = asked.ratio if ratio is None else ratio
            magnitude = asked.magnitude if magnitude is None else magnitude
        return Bounds(ratio, magnitude)


def check_ensemble(rule: Rule, baseline: nn.Module | Scan | Untrained | None) -> None:
    """Refuse a baseline that is too small for the rule, before anything is scanned.

    Warn if it does not support the rate that the rule states.
    """
    match baseline:
        case None:
            size = 0
        case Untrained():
            size = baseline.members
        case Scan():
            size = max(len(baseline.members), 1)
        case _:
            size = 1
    if size < rule.members_needed:
        raise InputError(
            f"the criterion {rule.name!r} takes its thresholds from an ensemble of untrained "
            f"models, received {size}, expected at least {rule.members_needed}; pass "
            "baseline=es.Untrained()"
        )
    rule.warn_unsupported(size, stacklevel=3)
