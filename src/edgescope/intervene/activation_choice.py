"""Which activations an intervention replaces: those of a scan, of a rule, or of a function."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from math import isfinite

import polars as pl
import torch
from torch import Tensor

from edgescope.capturing import EdgeActivations
from edgescope.capturing.activations import above_floor
from edgescope.intervene.replay import SEVERAL, SiteValues
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.scanning.criteria import Criterion, Rule
from edgescope.scanning.criteria import criterion as find_criterion
from edgescope.scanning.result import Scan
from edgescope.scanning.scan_check import refuse_nodes
from edgescope.scanning.scan_sites import scalar_message
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
        if rule.members_needed:
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
        if (least := self.rule.everywhere) is not None:  # all it asks, without a table
            large = found.magnitude > least.magnitude
            large = large & (ratio > least.ratio) if least.ratio else large
            return large.view(values.shape).cpu()
        perhaps = (ratio > bounds.ratio) | (found.magnitude > bounds.magnitude)
        perhaps, ratio = perhaps.view(values.shape), ratio.view(values.shape)
        rows = _rows(activations, values, ratio, perhaps.nonzero().unbind(1))
        chosen = torch.zeros(values.shape, dtype=torch.bool)
        chosen[_places(self.rule.select(rows))] = True
        return chosen

    def limits(self, site: SiteValues) -> Tensor:
        """Return the thresholds of the rule, those of the ratio times the edge's median."""
        found = edge_ratios(above_floor(site.values, site.floor))
        median = found.tops.median.where(found.defined, torch.inf)
        return self.rule.limit(site.site, median.double())


class ScanSelector(RuleSelector):
    """The massive activations that a scan has kept.

    Raises:
        InputError: if the scan has not kept all of them.
    """

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan.info.criterion)
        refuse_nodes(scan)
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
        chosen[_places(rows)] = True
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


def check_graphs(where: Where, mark: str) -> None:
    """Refuse a scan of other graphs than those with a fingerprint.

    Raises:
        InputError: if ``where`` is one.
    """
    if isinstance(where, Scan) and where.info.is_of_other_graphs(mark):
        raise InputError(
            f"the graphs of the scan ({where.info.data or 'unnamed'}) are not those of the loader, "
            "or are in another order; pass the loader that was scanned, or scan again"
        )


def _rows(
    activations: EdgeActivations, values: Tensor, ratio: Tensor, at: Sequence[Tensor]
) -> pl.DataFrame:
    """Return activations of a site as the rows that a rule judges, and of which row each is.

    Args:
        activations: of the site.
        values: their values ``[E, H, D]``.
        ratio: their ratios ``[E, H, D]``.
        at: edge, head and channel of those that are wanted ``[R]`` each.
    """
    identity, (row, head, channel) = activations.identity, at
    kind = torch.zeros_like(identity.graph) if identity.edge_type is None else identity.edge_type
    columns = {
        "row": row,
        "head": head,
        "channel": channel,
        "graph": identity.graph[row],
        "edge": identity.input_edge[row],
        "source": identity.own_source[row],
        "target": identity.own_target[row],
        "edge_type": kind[row],
        "value": values.detach()[row, head, channel].float(),
        "ratio": ratio[row, head, channel],
    }
    rows = pl.DataFrame({name: column.cpu().numpy() for name, column in columns.items()})
    return rows.with_columns(site=pl.lit(activations.site, dtype=pl.String))


def _places(rows: pl.DataFrame) -> tuple[Tensor, ...]:
    """Return edge, head and channel of rows ``[R]`` each."""
    places = (rows[name].to_numpy().astype("int64") for name in ("row", "head", "channel"))
    return tuple(map(torch.from_numpy, places))


def _about(found: object) -> str:
    if isinstance(found, Tensor):
        return f"a tensor of {found.dtype} and shape {list(found.shape)}"
    return repr(found)
