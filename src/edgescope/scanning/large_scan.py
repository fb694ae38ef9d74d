"""The exact scan of a graph too large for memory."""

import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.capturing import Coverage, EdgeActivations, EdgeIdentity
from edgescope.capturing.coverage import layer_of
from edgescope.capturing.model_survey import model_coverage
from edgescope.capturing.site_choice import select_sites
from edgescope.large.edge_stream import layers_of
from edgescope.large.forward import chunked
from edgescope.large.large_graph import LargeGraph
from edgescope.large.limits import GIBIBYTE, check_input, chunk_size
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError
from edgescope.models.graph_transformer import GraphTransformer
from edgescope.scanning.criteria import Bounds, Rule
from edgescope.scanning.criteria import criterion as find_criterion
from edgescope.scanning.criteria.common_ratio import common_ratio
from edgescope.scanning.edge_types import MOST_TYPES, NO_TYPES, value_names
from edgescope.scanning.merge import merge_sites
from edgescope.scanning.result import Scan, ScanInfo, SiteScan
from edgescope.scanning.scan import MAX_ROWS
from edgescope.scanning.settings import check_ensemble
from edgescope.scanning.site_counter import SiteCounter
from edgescope.scanning.site_scan import one_graph
from edgescope.statistics.sketch_layout import JOINT_BUDGET, SketchLayout

BLOCK = 2**20
"""Edges whose types are looked through at a time: 8 MB."""


def scan_large(
    model: GraphTransformer,
    x: Tensor,
    graph: LargeGraph,
    *,
    memory: int = 4 * GIBIBYTE,
    baseline: Scan | None = None,
    criterion: str | Rule = "paper2025",
    edge_type_names: Sequence[str] | None = None,
    keep_ratio: float | None = None,
    max_rows: int = MAX_ROWS,
    joint_budget: int = JOINT_BUDGET,
    progress: bool = True,
) -> Scan:
    """Scan all edges of one large graph at the score of every layer.

    The result is that of :func:`edgescope.scan` on the same graph, up to rounding: sums are taken
    in another order, and batch norms are folded into the linear layers. Scores agree to about
    1e-6 of the largest of their edge, so an activation may be counted in the bin next to its own
    if it lies that close to the edge of a bin. It runs on as many threads as torch is set to use.

    The modules are not called one by one, so hooks that were put on the model see nothing.

    Args:
        model: an :class:`edgescope.models.GraphTransformer` on the CPU, in float32 or float64;
            it is left as it was.
        x: node types ``[V]``.
        graph: the graph.
        memory: bytes that may be used beside the graph and the model.
        baseline: the scan to compare with, such as that of the untrained model on this graph.
        criterion: rule that calls an activation massive, or the name of a preset. A calibrated
            one needs a baseline of several untrained models, merged with
            :func:`edgescope.scanning.merge.merge_scans`.
        edge_type_names: name of each edge type, in order; by default those that occur are
            called after their value, such as ``type 3``.
        keep_ratio: activations with a larger ratio are kept one by one, with the position of
            their edge in the order given to :meth:`LargeGraph.from_edge_index`; by default those
            that the criterion may call massive.
        max_rows: how many of them are kept per site, the largest ratios first.
        joint_budget: bytes for each of a site's two joint histograms over type and channel.
        progress: whether to show a progress bar.

    Raises:
        InputError: if the model is another one, if the graph does not fit it, if the criterion
            needs an untrained ensemble, or if ``memory`` is too small.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> graph = es.LargeGraph.from_edge_index(edge_index, torch.tensor([1, 0, 1]), num_nodes=3)
        >>> sizes = {"hidden_dim": 16, "num_layers": 1, "readout": "node"}
        >>> model = es.models.GraphTransformer(num_atom_types=2, num_bond_types=2, **sizes)
        >>> x = torch.tensor([0, 1, 1])
        >>> list(es.scan_large(model, x, graph).sites)
        ['layers.0.attention:score']
    """
    started = time.perf_counter()
    rule = find_criterion(criterion)
    check_ensemble(rule, baseline)
    rule = rule.resolve(None if baseline is None else baseline.ensemble())
    model = eager_twin(model)
    check_input(model, x, graph)
    names, values = _edge_types(graph, edge_type_names)
    if keep_ratio is None:
        keep_ratio = common_ratio(rule)  # the same at all sites, so the scan can say it
    found: dict[str, SiteScan] = {}
    threads = torch.get_num_threads()
    attention = layers_of(model)[0].attention
    layout = SketchLayout(attention.num_heads, attention.head_dim, len(names), joint_budget)
    size = chunk_size(model, graph, memory, threads, layout)
    with chunked(model, x, graph, size, threads, progress) as forward:
        for number in range(len(model.layers)):
            site = f"layers.{number}.attention:score"
            floor = rule.bounds(site)
            if keep_ratio is not None:
                floor = floor._replace(ratio=keep_ratio)
            collectors = _Collectors(site, graph, values, layout, floor, max_rows)
            needed = number < len(model.layers) - 1  # the last layer's node states feed nothing
            forward.layer(number, collectors.visit, attends=needed)
            found[site] = collectors.result()
    info = ScanInfo(
        model=type(model).__name__,
        data="",
        graphs=1,
        edge_type_names=names,
        criterion=rule,
        keep_ratio=keep_ratio,
        max_rows=max_rows,
        seconds=time.perf_counter() - started,
        keep_magnitude=None,
        coverage=_coverage(model, found),
        types_from="edge_attr" if graph.has_types else "",
    )
    return Scan(found, info, baseline=baseline)


def _coverage(model: GraphTransformer, found: Mapping[str, SiteScan]) -> Coverage:
    """Return which attention of a model was looked at: every layer, at its score."""
    sites = select_sites(model, list(found))
    rows = {layer_of(s): int(of.sketch.counts["edges"].sum()) for s, of in found.items()}
    return model_coverage(model, sites).after(rows)


class _Collectors:
    """Counts the activations of one site, in every thread by itself.

    Args:
        site: name of the site.
        graph: the graph.
        values: the types that occur, ascending, which are counted by their place among these;
            None if types are their own places.
        layout: what is counted.
        floor: what an activation must exceed, one of the two, to be kept one by one.
        max_rows: how many of them are kept.
    """

    def __init__(
        self,
        site: str,
        graph: LargeGraph,
        values: NDArray[np.int64] | None,
        layout: SketchLayout,
        floor: Bounds,
        max_rows: int,
    ) -> None:
        self._site = site
        self._graph = graph
        self._values = values
        self._layout = layout
        self._floor = floor
        self._max_rows = max_rows
        self._mine = threading.local()
        self._all: list[SiteCounter] = []

    def visit(self, chunk: slice, score: Tensor) -> None:
        """Count the scores ``[n, F]`` of a chunk."""
        if not hasattr(self._mine, "counter"):
            self._mine.counter = SiteCounter(self._layout, self._floor, self._max_rows)
            self._all.append(self._mine.counter)
        values = score.view(len(score), self._layout.heads, self._layout.channels)
        self._mine.counter.update(EdgeActivations(self._site, values, self._identify(chunk)))

    def _identify(self, chunk: slice) -> EdgeIdentity:
        graph = self._graph
        ends = np.stack([graph.source[chunk], graph.target[chunk]], dtype=np.int64)
        position = torch.from_numpy(graph.input_edge[chunk].astype(np.int64))
        first = torch.zeros_like(position)
        kind = None
        if graph.has_types:
            kinds = graph.edge_attr[chunk].astype(np.int64)
            kind = torch.from_numpy(
                kinds if self._values is None else np.searchsorted(self._values, kinds)
            )
        return EdgeIdentity(torch.from_numpy(ends), position, first, kind, first.expand(2, -1))

    def result(self) -> SiteScan:
        """Return what all threads found."""
        parts = [counter.result() for counter in self._all]
        return one_graph(merge_sites(parts, self._max_rows))


def _occurring(graph: LargeGraph) -> NDArray[np.int64]:
    """Return the types that occur, ascending ``[T]``; none if edges have features.

    Raises:
        InputError: if they are too many to count without names.
    """
    found: set[int] = set()
    for start in range(0, graph.num_edges if graph.has_types else 0, BLOCK):
        found.update(np.unique(graph.edge_attr[start : start + BLOCK]).tolist())
        if len(found) > MOST_TYPES:
            raise InputError(
                f"received more than {MOST_TYPES} different edge types up to {max(found)}, too "
                "many to count without names; name all of them in order with edge_type_names="
            )
    return np.array(sorted(found), dtype=np.int64)


def _edge_types(
    graph: LargeGraph, given: Sequence[str] | None
) -> tuple[tuple[str, ...], NDArray[np.int64] | None]:
    """Return the names of the edge types, and the types in their order; None if that is their own.

    Without names they are called after the values that occur, as in :func:`edgescope.scan`.
    """
    if given is None:
        values = _occurring(graph)
        return (value_names(values.tolist()), values) if len(values) else ((NO_TYPES,), None)
    number = graph.num_edge_types
    fits = len(given) >= number if graph.has_types else len(given) == 1
    if not fits:
        raise InputError(
            f"received {len(given)} edge_type_names for edges of {number} types; name every type"
        )
    return tuple(given), None
