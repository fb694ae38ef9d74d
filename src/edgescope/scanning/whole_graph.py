"""The large graph whose parts a loader yields, and whether they agree with it."""

import sys
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from edgescope.capturing.edge_rows import Relation
from edgescope.capturing.graph_input import plain_edges
from edgescope.capturing.graph_parts import REMEDY, Part, PartEdges
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import attribute

_PART_LOADERS = (
    "NodeLoader",  # such as NeighborLoader and HGTLoader
    "LinkLoader",  # such as LinkNeighborLoader
    "ClusterData",
    "ClusterLoader",
    "GraphSAINTSampler",
    "RandomNodeLoader",
    "ShaDowKHopSampler",
)
"""PyG's loaders whose batches are parts of one graph; each with the subclasses it has."""

_TUPLE_LOADERS = ("NeighborSampler", "ZipLoader")
"""PyG's loaders that yield several things at once, of which no model takes ``edge_index``."""


class WholeGraph:
    """The large graph that a loader yields parts of, if it does.

    Args:
        loader: any loader.

    Raises:
        InputError: if it is one of PyG's that yields tuples of parts.

    Attributes:
        loader: name of the loader's class, if it is known to yield parts.
        data: the whole graph, if the loader holds it: a PyG ``Data`` or ``HeteroData``.
    """

    def __init__(self, loader: Iterable[Any]) -> None:
        while _is_a(loader, ("CachedLoader", "PrefetchLoader")):
            loader = getattr(loader, "loader")  # noqa: B009  (not every iterable has one)
        if _is_a(loader, _TUPLE_LOADERS):
            raise InputError(
                f"received a {type(loader).__name__}, whose batches are tuples; use a "
                "NeighborLoader, or scan each loader by itself"
            )
        candidates = (loader, getattr(loader, "dataset", None))
        own = next((each for each in candidates if _is_a(each, _PART_LOADERS)), None)
        self.loader = "" if own is None else type(own).__name__
        self.data = getattr(own, "data", None)
        self._clusters = getattr(own, "cluster_data", own)

    def part(self, batch: Any, edges: str) -> Part | None:  # noqa: ANN401  (any PyG batch)
        """Return the part of the graph that a batch holds; ``None`` if it holds whole graphs.

        Raises:
            InputError: if the batch does not say which edges and nodes of the graph it holds,
                or says something else than the whole graph does.
        """
        part = Part.of(batch, edges)
        if part is None:
            if self.loader:
                raise InputError(
                    f"{self.loader} yields parts of one large graph without e_id and n_id, which "
                    f"say what edges and nodes they hold; {REMEDY}"
                )
            return None
        for relation, of in part.edges.items():
            _check(of, self._edges.get(relation))
        return part

    @cached_property
    def _edges(self) -> dict[Relation | None, Tensor]:
        """The edges of the whole graph by relation, as far as the loader holds them."""
        if _is_a(self._clusters, ("ClusterData",)):
            return _clustered(self._clusters)
        edges = None if self.data is None else attribute(self.data, "edge_index")
        by_relation = edges if isinstance(edges, Mapping) else {None: edges}
        return {
            relation: plain_edges(each, "the loader")
            for relation, each in by_relation.items()
            if isinstance(each, Tensor) and each.layout == torch.strided
        }


def _check(part: PartEdges, whole: Tensor | None) -> None:
    """Refuse numbers of edges that contradict those of their nodes.

    Sampling with ``subgraph_type="bidirectional"`` gives an edge and its reverse one number, and
    a transform may sum the numbers of edges that it joins. If the whole graph is not at hand, at
    least one number must not stand for two edges.

    Raises:
        InputError: naming one such edge.
    """
    e_id, ends = part.e_id.to(torch.int64), part.ends(part.edge_index)
    if whole is None:
        order = e_id.argsort()
        wrong = (e_id[order].diff() == 0) & (ends[:, order].diff(dim=1) != 0).any(0)
        edges = order[1:][wrong]
    else:
        inside = e_id < whole.size(1)
        expected = whole.to(e_id.device)[:, e_id.where(inside, 0)] if whole.size(1) else ends - 1
        edges = (~inside | (expected != ends).any(0)).nonzero().squeeze(1)
    if edges.numel():
        source, target = ends[:, edges[0]].tolist()
        raise InputError(
            f"a batch says that edge {int(e_id[edges[0]])} of the whole graph goes from {source} "
            f"to {target}, but that is another edge there; number the edges as e_id before they "
            'are sampled, leave them as sampled, and do not use subgraph_type="bidirectional"'
        )


def _clustered(clusters: Any) -> dict[Relation | None, Tensor]:  # noqa: ANN401  (PyG's ClusterData)
    """Return the edges of the graph that was partitioned, in their original order."""
    found = clusters.partition
    own = torch.arange(len(found.indptr) - 1).repeat_interleave(found.indptr.diff())
    ends = [own, found.index] if found.sparse_format == "csr" else [found.index, own]
    edge_index = torch.empty_like(torch.stack(ends))
    edge_index[:, found.edge_perm] = found.node_perm[torch.stack(ends)]
    return {None: edge_index}


def _is_a(thing: object, names: tuple[str, ...]) -> bool:
    """Return whether something is one of PyG's loaders, without importing PyG for it."""
    module = sys.modules.get("torch_geometric.loader")
    return module is not None and isinstance(thing, tuple(getattr(module, n) for n in names))
