"""Which single edges of the scanned graphs are massive at which site, by every threshold."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.capturing import capture
from edgescope.capturing.activations import EdgeActivations
from edgescope.data.batch_loaders import loader
from edgescope.data.edges.directions import edge_graphs
from edgescope.data.graphs import GraphDataset
from edgescope.data.node_dataset import NodeDataset
from edgescope.lib.model_call import call_model
from edgescope.statistics.ratio import edge_tops, magnitudes
from edgescope.statistics.sketch_layout import GROUPS
from edgescope.study.measures.measured_cell import MeasuredCell
from edgescope.study.measures.score_sites import score_sites
from edgescope.study.measures.site_counts import Limit, limits


class Crossing(NamedTuple):
    """The edges of a data set at one score site."""

    site: str
    layer: int
    defined: Tensor
    """Edges that the site computed, with a defined ratio ``[E]``, bool."""
    limits: list[Limit]
    """The ``L`` thresholds."""
    massive: Tensor
    """Edges with an activation above a threshold ``[L, E]``, bool."""

    @property
    def key(self) -> dict[str, str | int]:
        """First columns of every table."""
        return {"site": self.site, "layer": self.layer}

    def exceeded(self, most: float) -> float | None:
        """Return the largest ratio that counts, up to ``most``, that an edge exceeds, or None."""
        pairs = zip(self.limits, self.massive, strict=True)
        ratios = [
            limit.threshold
            for limit, massive in pairs
            if limit.rule == "ratio" and limit.threshold <= most and bool(massive.any())
        ]
        return max(ratios, default=None)


def graphs_of(of: MeasuredCell) -> GraphDataset | None:
    """Return the scanned graphs; None if they are one large graph, whose edges are not told."""
    part = of.part
    return part if isinstance(part, GraphDataset) and not isinstance(part, NodeDataset) else None


def crossings(of: MeasuredCell) -> Iterator[Crossing]:
    """Yield the edges of every score site, aligned with the scanned graphs.

    A scan keeps activations one by one only above its own criterion, so the model runs once more,
    on the same batches. Counts are those of the scan: a threshold is moved to the edge of its bins
    that is next to it. Edges that are none of the data set's, such as self-loops that a layer
    adds, are left out.
    """
    dataset = graphs_of(of)
    if dataset is None:
        return
    by_site = limits(of)
    tops = _top_ratios(of, dataset, list(by_site))
    layers = score_sites(of.scan)
    for site, of_site in by_site.items():
        bins = of.scan[site].layout.ratio
        exact = torch.tensor([bins.edge_near(limit.threshold)[1] for limit in of_site])
        top = tops[site]
        yield Crossing(
            site, layers[site], top >= 0, of_site, top > exact.to(torch.float32).unsqueeze(1)
        )


def drawn_graphs(dataset: GraphDataset, most: int) -> Tensor:
    """Return the positions of ``most`` graphs, drawn at random and the same in every cell.

    Larger draws hold the smaller ones.
    """
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))
    return order[:most].sort().values


def edge_clusters(dataset: GraphDataset) -> tuple[Tensor, int]:
    """Return for every edge the group of graphs that is resampled with it ``[E]``, and how many.

    Graphs are dealt out to :data:`GROUPS` groups by their position, as in a sketch.
    """
    groups = max(min(len(dataset), GROUPS), 1)
    return edge_graphs(dataset) % groups, groups


def _top_ratios(of: MeasuredCell, dataset: GraphDataset, sites: list[str]) -> dict[str, Tensor]:
    """Return the largest ratio of every edge ``[E]``, float32; -1 where it is not defined."""
    found = {site: torch.full((len(dataset.edge_attr),), -1.0) for site in sites}

    def highest(activations: EdgeActivations) -> tuple[Tensor, Tensor, Tensor]:
        tops = edge_tops(magnitudes(activations.above_floor))
        kept = tops.defined & activations.real
        return (activations.graph[kept], activations.input_edge[kept], tops.top_ratio[kept])

    first = 0
    with torch.no_grad(), capture(of.model, sites, reduce=highest) as tape:
        for batch in loader(dataset, batch_size=of.cell.scan.batch_size):
            call_model(of.model, batch)
            for site in sites:
                graph, edge, top = tape[site]
                place = dataset.edge_ptr[first + graph] + edge
                found[site].scatter_reduce_(0, place, top, "amax")
            first += int(batch.num_graphs)
    return found
