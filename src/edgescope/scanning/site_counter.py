"""What a scan counts at one site: on one machine, in one of several processes, on a large graph."""

import torch

from edgescope.capturing.activations import EdgeActivations
from edgescope.scanning.criteria import Bounds
from edgescope.scanning.massive_rows import RowKeeper
from edgescope.scanning.site_scan import SiteEdges, SiteScan
from edgescope.statistics.counting.counter import SketchCounter
from edgescope.statistics.counting.edge_labels import EdgeLabels
from edgescope.statistics.sketch_layout import SketchLayout


class SiteCounter:
    """Counts the activations of one site, and keeps the most massive of them one by one.

    What several of them found is merged by :func:`edgescope.scanning.merge.merge_sites`.

    Args:
        layout: what is counted.
        floor: what an activation must exceed, one of the two, to be kept.
        max_rows: how many of them are kept.
        device: where the activations are.
    """

    def __init__(
        self,
        layout: SketchLayout,
        floor: Bounds,
        max_rows: int,
        device: torch.device | None = None,
    ) -> None:
        self._sketch = SketchCounter(layout, device=device)
        self._keeper = RowKeeper(floor.ratio, max_rows, floor.magnitude)

    def update(self, activations: EdgeActivations, labels: EdgeLabels | None = None) -> set[int]:
        """Count the activations of a batch.

        Args:
            activations: activations of whole graphs, or of a part of one graph, whose ``graph`` is
                the position in the data set and whose ``edge_type`` numbers the types of the scan.
            labels: their type and graph, if they are shared with other sites.

        Returns:
            The graphs of which something was kept, for now.
        """
        values, identity = activations.values, activations.identity
        if labels is None:
            kinds = self._sketch.layout.edge_types
            of_edges = identity.edge_type, identity.graph
            labels = EdgeLabels(len(values), values.device, kinds, *of_edges)
        return self._keeper.update(activations, self._sketch.update(values, labels))

    def graphs(self) -> set[int]:
        """Return the graphs of which something is kept."""
        return self._keeper.graphs()

    def result(self, of: SiteEdges | None = None) -> SiteScan:
        """Return what was found; ``of`` says what the edges are."""
        keeper = self._keeper
        tables = keeper.rows(), keeper.extremes(), keeper.nonfinite()
        return SiteScan(self._sketch.sketch(), *tables, keeper.seen, of or SiteEdges())
