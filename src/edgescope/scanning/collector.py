"""What a scan collects from the activations of every site."""

from typing import TYPE_CHECKING, Any

import torch

from edgescope.capture import EdgeActivations, EdgeIdentity
from edgescope.errors import InputError
from edgescope.results import SiteScan
from edgescope.scanning.batches import BatchOfGraphs
from edgescope.scanning.edge_types import EdgeTypes
from edgescope.scanning.sites import scalar_message
from edgescope.statistics.ratio import edge_ratios
from edgescope.statistics.rows import RowKeeper

if TYPE_CHECKING:
    from edgescope.statistics.metric import MassiveActivations

SEVERAL = 2
"""Channels per head that a within-edge ratio needs at least."""

REMEMBERED = 4
"""Kinds of rows that are remembered within a batch: a model rarely has more than two."""


class Collector:
    """Takes in the activations of one site after the other, batch by batch.

    Args:
        types: numbers the edge types.
        keep_ratio: activations with a larger ratio are kept one by one.
        max_rows: how many of them are kept per site.
        joint_budget: bytes for each of a site's two joint histograms.
        skip_scalars: whether a site that turns out to hold one number per edge and head is
            skipped rather than refused.

    Attributes:
        graphs: number of graphs so far.
        skipped: sites that were skipped.
    """

    def __init__(
        self,
        types: EdgeTypes,
        keep_ratio: float,
        max_rows: int,
        joint_budget: int,
        skip_scalars: bool,
    ) -> None:
        self.graphs = 0
        self.skipped: list[str] = []
        self._types = types
        self._keep = (keep_ratio, max_rows)
        self._joint_budget = joint_budget
        self._skip_scalars = skip_scalars
        self._shapes: dict[str, torch.Size] = {}
        self._metrics: dict[str, MassiveActivations] = {}
        self._keepers: dict[str, RowKeeper] = {}
        self._smiles: dict[int, str] = {}
        self._batch_smiles: dict[int, str] = {}
        self._batch: BatchOfGraphs | None = None
        self._known: list[tuple[EdgeIdentity, EdgeIdentity]] = []

    def start(self, batch: Any, edges: str) -> None:  # noqa: ANN401  (any PyG batch)
        """Note which graphs of the data set the batch holds; it calls ``edge_index`` ``edges``."""
        self._batch = BatchOfGraphs(batch, self.graphs, edges)
        self._batch_smiles = self._batch.smiles()
        self._known = []
        self.graphs += self._batch.size

    def reduce(self, activations: EdgeActivations) -> None:
        """Count a site's activations of the current batch, and keep the most massive.

        Raises:
            InputError: if the site has one number per edge and head and was asked for.
        """
        site, values, identity = activations
        if values.size(2) < SEVERAL:
            if not self._skip_scalars:
                raise InputError(scalar_message(site))
            self.skipped = list(dict.fromkeys([*self.skipped, site]))
            return
        self._shapes[site] = values.shape[1:]
        if not values.size(0):
            return
        identity = self._identify(identity)
        if site not in self._metrics:
            self._open(site, values.device)
        ratios = edge_ratios(values)
        self._metrics[site].update(values, identity.edge_type, identity.graph, ratios)
        kept = self._keepers[site].update(activations._replace(identity=identity), ratios)
        self._smiles |= {
            number: self._batch_smiles[number] for number in kept & self._batch_smiles.keys()
        }
        if len(self._smiles) > 2 * self._keep[1]:
            self._forget_smiles()

    def result(self, site: str) -> SiteScan:
        """Return what was found at a site.

        Raises:
            InputError: if the model did not run it.
        """
        if site not in self._shapes:
            raise InputError(f"the model did not run {site}; leave it out with sites=")
        if site not in self._metrics:  # there was no edge
            self._open(site, torch.device("cpu"))
            self._metrics[site].update(torch.zeros(0, *self._shapes[site]))
        keeper = self._keepers[site]
        return SiteScan(
            self._metrics[site].compute(),
            keeper.rows(),
            keeper.extremes(),
            keeper.nonfinite(),
            keeper.seen,
        )

    def smiles(self) -> dict[int, str]:
        """Return the SMILES of the graphs that hold kept activations, where the data has them."""
        self._forget_smiles()
        return dict(sorted(self._smiles.items()))

    def _identify(self, identity: EdgeIdentity) -> EdgeIdentity:
        """Return the rows by their place in the data set and their type in the scan."""
        # The sites of a layer, and most layers of a model, share their rows.
        for known, found in self._known:
            if known is identity:
                return found
        assert self._batch is not None
        found = self._batch.identify(identity)
        found = found._replace(edge_type=self._types.number(identity))
        self._known = [*self._known[1 - REMEMBERED :], (identity, found)]
        return found

    def _open(self, site: str, device: torch.device) -> None:
        from edgescope.statistics.metric import MassiveActivations

        heads, channels = self._shapes[site]
        types = len(self._types.names)
        metric = MassiveActivations(heads, channels, types, self._joint_budget)
        self._metrics[site] = metric.to(device)
        self._keepers[site] = RowKeeper(*self._keep)

    def _forget_smiles(self) -> None:
        held = set().union(*(keeper.graphs() for keeper in self._keepers.values()))
        self._smiles = {number: self._smiles[number] for number in held & self._smiles.keys()}
