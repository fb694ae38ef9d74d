"""Which activations an intervention replaces: those of a scan, of a rule, or of a function."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import reduce
from math import isfinite

import polars as pl
import torch
from torch import Tensor

from edgescope.capturing import EdgeActivations
from edgescope.capturing.activations import above_floor
from edgescope.intervene.replay import SEVERAL, SiteValues
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.scanning.result import Scan
from edgescope.scanning.scan_sites import scalar_message
from edgescope.statistics.criteria import Both, CalibratedCriterion, Criterion, Either, Rule
from edgescope.statistics.criteria import criterion as find_criterion
from edgescope.statistics.ratio import edge_ratios

Mask = Callable[[EdgeActivations], Tensor]
"""Receives the activations of a site in a batch; returns which to replace ``[E, H, D]``, bool."""

Where = Scan | Rule | str | float | Mask


class Selector(ABC):
    """Says which activations are replaced.

    Attributes:
        name: how the result calls the selection.
    """

    name: str
    needs_vectors = False
    """Whether it compares the channels of an edge, of which a site must have several."""

    @abstractmethod
    def choose(self, activations: EdgeActivations) -> Tensor:
        """Return which activations of a batch are chosen ``[E, H, D]``, bool.

        Args:
            activations: of one site; ``graph`` is the position in the data set.
        """

    def limits(self, site: SiteValues) -> Tensor:
        """Return the largest magnitude that would not have been chosen, of every edge ``[E]``.

        Raises:
            InputError: if the selection knows no threshold.
        """
        raise InputError(
            f"received value='clip' at {site.site}, which cuts activations down to the threshold "
            f"that made them massive, and a selection without one ({self.name}); choose with a "
            "criterion, a ratio or a scan, or another value"
        )

    def check(self, site: SiteValues) -> None:  # noqa: B027  (most have nothing to refuse)
        """Refuse a site of which not everything was found, after all batches."""


class RuleSelector(Selector):
    """What a rule calls massive, judged on the activations of the model as it is."""

    needs_vectors = True

    def __init__(self, rule: Rule) -> None:
        if rule.members_needed and not isinstance(rule, CalibratedCriterion):
            raise InputError(
                f"the criterion {rule.name!r} takes its thresholds from untrained models; scan "
                "with it and baseline=es.Untrained(), and pass the scan as where="
            )
        self.rule = rule
        self.name = rule.name

    def choose(self, activations: EdgeActivations) -> Tensor:
        """Return what the rule calls massive."""
        site, values = activations.site, activations.above_floor
        if values.size(2) < SEVERAL:
            raise InputError(scalar_message(site))
        bounds, found = self.rule.bounds(site), edge_ratios(values)
        ratio = found.ratio.where(found.defined.unsqueeze(1), torch.nan)
        perhaps = (ratio > bounds.ratio) | (found.magnitude > bounds.magnitude)
        place = perhaps.flatten().nonzero().squeeze(1).cpu()
        rows = pl.DataFrame(
            {
                "place": place.numpy(),
                "ratio": ratio.flatten().cpu()[place].numpy(),
                "value": values.detach().float().flatten().cpu()[place].numpy(),
            }
        ).with_columns(site=pl.lit(site, dtype=pl.String))
        chosen = torch.zeros(values.numel(), dtype=torch.bool)
        chosen[torch.from_numpy(self.rule.select(rows)["place"].to_numpy().copy())] = True
        return chosen.view(values.shape)

    def limits(self, site: SiteValues) -> Tensor:
        """Return the thresholds of the rule, those of the ratio times the edge's median."""
        found = edge_ratios(above_floor(site.values, site.floor))
        median = found.tops.median.where(found.defined, torch.inf)
        return _limit(self.rule, site.site, median.double())


class ScanSelector(RuleSelector):
    """The massive activations that a scan has kept.

    Raises:
        InputError: if the scan has not kept all of them.
    """

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan.info.criterion)
        self.name = f"scan, {scan.info.criterion.name}"
        if scan.info.parts:
            raise InputError(
                "received a scan of parts of one large graph, expected one of whole graphs; an "
                "edge is in several parts there"
            )
        counted = scan.massive_edges()
        lost = counted.filter(~pl.col("complete"))["site"].to_list()
        if lost:
            raise InputError(
                f"the scan has not kept all massive activations at {', '.join(lost)}; scan again "
                "with a larger max_rows, or pass the criterion itself as where="
            )
        self._of = {site: found.of for site, found in scan.sites.items()}
        self._rows = {
            str(site): rows
            for (site,), rows in scan.kept().partition_by("site", as_dict=True).items()
        }

    def choose(self, activations: EdgeActivations) -> Tensor:
        """Return which activations the scan has kept as massive."""
        site, values, identity = activations[:3]
        chosen = torch.zeros(values.shape, dtype=torch.bool)
        if site not in self._rows:
            return chosen
        own = (identity.edge_index - identity.node_offset).cpu()
        target_row = self._of[site].target_row  # as the scan calls it
        source, target = own[1 - target_row], own[target_row]
        here = pl.DataFrame(
            {
                "graph": identity.graph.cpu().numpy(),
                "edge": identity.input_edge.cpu().numpy(),
                "source": source.numpy(),
                "target": target.numpy(),
            }
        ).with_row_index("row")
        kept = self._rows[site]
        if "input" in kept.columns:
            kept = kept.filter(input=identity.input)
        rows = here.join(kept, on=["graph", "edge", "source", "target"])
        at = [torch.from_numpy(rows[n].to_numpy().astype("int64")) for n in _PLACE]
        chosen[tuple(at)] = True
        return chosen

    def check(self, site: SiteValues) -> None:
        """Refuse a loader that does not give what was scanned."""
        found, scanned = int(site.chosen.sum()), self._rows.get(site.site, pl.DataFrame()).height
        if found != scanned:
            raise InputError(
                f"{found} of the {scanned} massive activations of the scan at {site.site} are in "
                "the loader's graphs; pass the loader that was scanned"
            )


class MaskSelector(Selector):
    """What a function chooses."""

    def __init__(self, function: Mask) -> None:
        self._function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def choose(self, activations: EdgeActivations) -> Tensor:
        """Return what the function returns."""
        found = self._function(activations)
        shape = activations.values.shape
        if not isinstance(found, Tensor) or found.dtype != torch.bool or found.shape != shape:
            raise InputError(
                f"where= returned {_about(found)}, expected truth values of the shape "
                f"{list(shape)} [E, H, D]"
            )
        return found.cpu()


def selector(where: Where) -> Selector:
    """Return what chooses the activations.

    Args:
        where: a scan, a rule or the name of a preset, a ratio to exceed, or a function.

    Raises:
        InputError: if it is none of these, or cannot choose.
    """
    if isinstance(where, Scan):
        return ScanSelector(where)
    if isinstance(where, bool) or where is None:
        raise InputError(f"received where={where}, expected a scan, a criterion or a function")
    if isinstance(where, int | float):
        if not (isfinite(where) and where > 0):
            raise InputError(f"received where={where}, expected a ratio above 0")
        return RuleSelector(Criterion(f"ratio above {where:g}", ratio=float(where)))
    if not callable(where) and not isinstance(where, str | Rule):
        raise InputError(
            f"received {said(where)} as where, expected a scan, a criterion, a ratio or a function"
        )
    if isinstance(where, str | Rule):
        return RuleSelector(find_criterion(where))
    return MaskSelector(where)


_PLACE = ("row", "head", "channel")


def _limit(rule: Rule, site: str, median: Tensor) -> Tensor:
    """Return the largest magnitude that a rule does not call massive, by edge ``[E]``."""
    match rule:
        case Criterion():
            magnitude = torch.full_like(median, rule.magnitude)
            return torch.maximum(rule.ratio * median, magnitude) if rule.ratio else magnitude
        case CalibratedCriterion():
            bounds = rule.bounds(site)
            return (bounds.ratio * median).clamp(max=bounds.magnitude)
        case Both() | Either():
            pick = torch.maximum if isinstance(rule, Both) else torch.minimum
            return reduce(pick, (_limit(each, site, median) for each in (rule.first, rule.second)))
    raise InputError(f"the criterion {rule.name!r} has no threshold to clip to; use another value")


def _about(found: object) -> str:
    if isinstance(found, Tensor):
        return f"a tensor of {found.dtype} and shape {list(found.shape)}"
    return repr(found)
