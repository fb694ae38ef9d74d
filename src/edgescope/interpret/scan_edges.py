"""From the massive activations that a scan lists to the edges of the data set that hold them."""

from dataclasses import dataclass

import polars as pl
import torch
from torch import Tensor

from edgescope.data.dataset_check import check_dataset
from edgescope.data.fingerprint import fingerprint
from edgescope.data.graphs import GraphDataset
from edgescope.data.relation_graphs import RelationGraphs
from edgescope.lib.errors import InputError
from edgescope.scanning.criteria import Rule
from edgescope.scanning.edge_types import ADDED
from edgescope.scanning.result import Scan
from edgescope.scanning.scan_check import check_scan, refuse_nodes


@dataclass(frozen=True)
class MassiveEdges:
    """Which edges of a data set hold a massive activation, site by site.

    Attributes:
        sites: the ``S`` sites.
        mask: which edges are massive ``[S, E]``, bool, aligned with the data set.
        added: massive activations on rows that are no edge of the data set, such as self-loops
            that a layer adds, of every site; they are left out of ``mask``.
        unseen: edges of the data set that a site did not compute, of every site; they are not
            massive.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GATv2(**molecules.model_sizes, **sizes)
        >>> loader = es.data.loader(molecules)
        >>> scan = es.scan(model, loader, criterion=es.Criterion("low", ratio=20))
        >>> found = es.interpret.massive_edges(scan, molecules)
        >>> found.sites, found.mask.shape[1] == len(molecules.edge_attr)
        (('layers.0.conv:score',), True)
    """

    sites: tuple[str, ...]
    mask: Tensor
    added: tuple[int, ...]
    unseen: tuple[int, ...]

    def __getitem__(self, site: str) -> Tensor:
        """Return which edges are massive at a site ``[E]``.

        Raises:
            InputError: if there is no such site.
        """
        if site not in self.sites:
            raise InputError(f"unknown site {site!r}, expected one of {', '.join(self.sites)}")
        return self.mask[self.sites.index(site)]


def massive_edges(
    scan: Scan, dataset: GraphDataset, criterion: str | Rule | None = None
) -> MassiveEdges:
    """Find the edges of a data set on which a scan found massive activations.

    Args:
        scan: a scan of all graphs of ``dataset``, which kept everything that the criterion calls
            massive.
        dataset: the graphs that were scanned, in their order.
        criterion: another rule than the scan's.

    Raises:
        InputError: if the scan is of other graphs or of parts of one, of several graphs per call or
            of graphs with two sets of nodes, or did not keep everything.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GATv2(**molecules.model_sizes, **sizes)
        >>> loader = es.data.loader(molecules)
        >>> scan = es.scan(model, loader, criterion=es.Criterion("low", ratio=20))
        >>> es.interpret.massive_edges(scan, molecules).mask.shape[0]
        1
    """
    check_scan(scan)
    refuse_nodes(scan)
    check_dataset(dataset)
    _check_graphs(scan, dataset)
    for site, found in scan.sites.items():
        if found.seen > found.rows.height:
            raise InputError(
                f"the scan kept {found.rows.height:,} of {found.seen:,} activations at {site}, so "
                f"some massive edges are unknown; scan again with max_rows={found.seen} or more"
            )
    rows = scan.massive(criterion)
    if isinstance(dataset, RelationGraphs):
        rows = dataset.in_graph(rows)
    sites = tuple(scan.sites)
    mask = torch.zeros(len(sites), dataset.edge_index.size(1), dtype=torch.bool)
    added, unseen = [], []
    for number, site in enumerate(sites):
        of_site = rows.filter(pl.col("site") == site)
        real = of_site.filter(pl.col("edge") >= 0)
        added.append(of_site.height - real.height)
        unseen.append(mask.size(1) - _computed(scan, site, dataset))
        mask[number, _positions(real, dataset, scan.sites[site].of.target_row)] = True
    return MassiveEdges(sites, mask, tuple(added), tuple(unseen))


def _check_graphs(scan: Scan, dataset: GraphDataset) -> None:
    """Refuse a scan of something other than the data set."""
    if scan.info.parts:
        raise InputError(
            "the scan took parts of one large graph, in which an edge may be missing or counted "
            "several times; scan the whole graph, or graphs as a whole"
        )
    check_edges(scan, dataset)
    if scan.info.graphs != len(dataset):
        raise InputError(
            f"the scan is of {scan.info.graphs} graphs, {dataset.name} has {len(dataset)}; give "
            "the data set that was scanned"
        )
    if scan.info.is_of_other_graphs(fingerprint(dataset).graphs):
        raise InputError(
            f"the graphs of the scan ({scan.info.data or 'unnamed'}) are not those of "
            f"{dataset.name}, or are in another order; give the data set that was scanned, or "
            "scan again"
        )


def check_edges(scan: Scan, dataset: GraphDataset) -> None:
    """Refuse a scan whose edges are not those that graphs of a data set can have.

    Raises:
        InputError: if the model was given several graphs in one call, or graphs with two sets of
            nodes: those of a data set have one set of edges among one set of nodes.
    """
    inputs = list(dict.fromkeys(name for found in scan.sites.values() for name in found.of.inputs))
    if inputs:
        raise InputError(
            f"the scan is of a model that was given several graphs in one call "
            f"({', '.join(inputs)}), but {dataset.name} holds one per item, so edges cannot be "
            "matched; take the edges of one input from scan.massive()"
        )
    two = [site for site, found in scan.sites.items() if found.of.two_node_sets]
    if two:
        raise InputError(
            f"the sources and targets of {two[0]} are two sets of nodes, but the graphs of "
            f"{dataset.name} have one, so degrees and paths would be others; take the edges from "
            "scan.massive()"
        )


def turned(scan: Scan) -> list[str]:
    """Return the sites whose edges run against those of the data set, from row 1 to row 0."""
    return [site for site, found in scan.sites.items() if found.of.target_row == 0]


def _computed(scan: Scan, site: str, dataset: GraphDataset) -> int:
    """Return how many edges of the data set a site computed."""
    counts = dict(zip(scan.info.edge_type_names, scan[site].counts["edges"].tolist(), strict=True))
    counts.pop(ADDED, None)
    computed: int = sum(counts.values())
    edges = dataset.edge_index.size(1)
    own = torch.bincount(dataset.edge_types, minlength=len(dataset.edge_type_names)).tolist()
    same_types = tuple(counts) == tuple(dataset.edge_type_names)
    if computed > edges or (computed == edges and same_types and list(counts.values()) != own):
        raise InputError(
            f"the scan counted {computed:,} edges of the graphs at {site}, {dataset.name} has "
            f"{edges:,} or others; give the data set that was scanned"
        )
    return computed


def _positions(rows: pl.DataFrame, dataset: GraphDataset, target_row: int) -> Tensor:
    """Return the position in the data set of the edge of every row.

    The targets of ``rows`` are in row ``target_row`` of ``edge_index``.
    """
    graph, edge, source, target = (
        torch.from_numpy(rows[name].to_numpy().copy())
        for name in ("graph", "edge", "source", "target")
    )
    inside = (graph >= 0) & (graph < len(dataset))
    graph = graph.where(inside, 0)
    place = dataset.edge_ptr[graph] + edge
    inside &= place < dataset.edge_ptr[graph + 1]
    if bool(inside.all()):
        ends = torch.stack([source, target] if target_row else [target, source])
        known = dataset.edge_index[:, place]
        inside = (known == ends).all(0)
        turned = (known == ends.flip(0)).all(0)
        inside = turned if bool(turned.all()) else inside  # a layer that was given them reversed
    if not bool(inside.all()):
        first = rows.row(int((~inside).nonzero()[0]), named=True)
        raise InputError(
            f"the scan found an edge {first['edge']} from node {first['source']} to "
            f"{first['target']} in graph {first['graph']}, which {dataset.name} lacks; give "
            "the data set that was scanned, in the same order"
        )
    return place
