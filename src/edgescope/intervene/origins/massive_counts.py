"""What one pass of a model gives: massive edges of every graph at every site, and predictions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from edgescope.capturing import EdgeActivations
from edgescope.intervene.metric_resamples import Sample, Scorer
from edgescope.intervene.replay import SEVERAL, Outputs, Passes, Place, Replaced
from edgescope.statistics.bins import LogBins

Array = NDArray[np.float64]

Choose = Callable[[EdgeActivations], torch.Tensor]

_BINS = LogBins(anchor=1.0)


class SiteCount(NamedTuple):
    """What a model has at one site, over a loader of ``G`` graphs."""

    edges: Array
    """Rows of every graph ``[G]``."""
    massive: Array
    """Those of them that hold a massive activation ``[G]``."""
    nonfinite: Array
    """Those that hold a number that is not finite ``[G]``, which no criterion judges."""
    largest: float
    """The largest finite magnitude; 0 if there is none."""
    typical: float
    """The median magnitude, exact within a bin of 0.8 %; 0 if there is none."""


class Counted(NamedTuple):
    """What one pass gives."""

    sites: dict[str, SiteCount]
    prediction: Array
    """``[N, T]``."""

    def total(self, name: str) -> Array:
        """Return a count of every graph, added over the sites ``[G]``."""
        return np.sum([getattr(site, name) for site in self.sites.values()], axis=0)  # type: ignore[no-any-return]

    @property
    def massive(self) -> int:
        """How many times an edge holds a massive activation at a site."""
        return int(self.total("massive").sum())

    @property
    def nonfinite(self) -> int:
        """How many times an edge holds a number that is not finite at a site."""
        return int(self.total("nonfinite").sum())

    @property
    def largest(self) -> float:
        """The largest finite magnitude at any site."""
        return max(site.largest for site in self.sites.values())

    def prevalence(self, scorer: Scorer, sites: Iterable[str] | None = None) -> Sample:
        """Return the share of edges with a massive activation, over some sites, or all."""
        of = [self.sites[name] for name in (self.sites if sites is None else sites)]
        massive, edges = (
            np.sum([getattr(site, what) for site in of], axis=0) for what in ("massive", "edges")
        )
        return scorer.ratio(massive, edges)


class Rows(NamedTuple):
    """The rows of a site, in the order of the loader."""

    graph: torch.Tensor
    """Position of the graph of each ``[E]``."""
    massive: torch.Tensor
    """Which hold a massive activation ``[E]``, bool."""


class Counter:
    """Counts, in a pass of a model, what is massive.

    Args:
        choose: says which activations of a site in a batch are massive ``[E, H, D]``, bool.
        skip_scalars: whether sites with one number per edge and head are left out.

    Attributes:
        skipped: those sites.
        rows: of every site, as they were in the last pass.
    """

    def __init__(self, choose: Choose, skip_scalars: bool) -> None:
        self._choose = choose
        self._skip = skip_scalars
        self.skipped: list[str] = []
        self.rows: dict[str, Rows] = {}

    def run(
        self,
        passes: Passes,
        sites: Sequence[str],
        title: str = "",
        replaced: Mapping[str, Replaced] | None = None,
    ) -> tuple[Counted, Outputs]:
        """Run a model over its batches.

        Args:
            passes: of the model.
            sites: names of the sites to count at.
            title: what the progress bar says; none if it is empty.
            replaced: new values of some activations.
        """
        parts: dict[str, list[tuple[torch.Tensor, ...]]] = {}
        bins: dict[str, NDArray[np.int64]] = {}
        largest: dict[str, float] = {}

        def take(found: EdgeActivations, place: Place) -> None:
            site, values = found.site, found.values.detach().float()  # as in a scan
            if self._skip and values.size(2) < SEVERAL:
                self.skipped = list(dict.fromkeys([*self.skipped, site]))
                return
            placed = place()
            chosen = self._choose(placed).flatten(1).any(1)
            finite = values.isfinite().flatten(1).all(1).cpu()
            parts.setdefault(site, []).append((placed.graph.cpu(), chosen.cpu() & finite, ~finite))
            magnitude = values.abs().flatten().cpu()
            magnitude = magnitude[magnitude.isfinite()].contiguous()
            counted = np.bincount(_BINS.index(magnitude).numpy(), minlength=_BINS.size)
            bins[site] = bins.get(site, np.zeros(_BINS.size, np.int64)) + counted
            top = float(magnitude.max()) if len(magnitude) else 0.0
            largest[site] = max(largest.get(site, 0.0), top)

        outputs = passes.observed(sites, take, title, bool(title), replaced)
        graphs = int(outputs.graph.max()) + 1 if len(outputs.graph) else 0

        found: dict[str, SiteCount] = {}
        self.rows = {}
        for site, of in parts.items():
            graph, massive, broken = (torch.cat(each) for each in zip(*of, strict=True))
            self.rows[site] = Rows(graph, massive)
            kinds = (torch.ones(len(graph)), massive, broken)
            edges, those, others = (
                np.bincount(graph.numpy(), kind.double().numpy(), graphs).astype(np.float64)
                for kind in kinds
            )
            typical = _median(bins[site], largest[site])
            found[site] = SiteCount(edges, those, others, largest[site], typical)
        return Counted(found, outputs.prediction), outputs


def _median(counted: NDArray[np.int64], largest: float) -> float:
    below = counted.cumsum()
    if not below[-1]:
        return 0.0
    at = int(np.searchsorted(below, (below[-1] + 1) // 2))
    return min(float(_BINS.edges[at + 1]), largest)
