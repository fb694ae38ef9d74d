"""Do massive activations move to edges that tell nothing, once a graph has some?

The reallocation experiment of arXiv 2409.03463: a model is trained on graphs with added edges, and
the share of massive activations on these is compared with their share of edges. Attention is
compared with what uniform attention would give them. Intervals are by bootstrap over graphs.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgescope.capturing import EdgeActivations, capture
from edgescope.capturing.site_choice import Sites, select_sites
from edgescope.intervene.activation_choice import RuleSelector
from edgescope.intervene.added_marks import AddedEdges
from edgescope.intervene.reallocation_result import Reallocation
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.lib.progress import track
from edgescope.scanning.batches import BatchOfGraphs, device_of, on_device
from edgescope.scanning.criteria import Rule
from edgescope.scanning.criteria import criterion as find_criterion
from edgescope.scanning.first_batch import discover_at_start
from edgescope.scanning.loaders import graph_loader
from edgescope.scanning.scan_sites import choose_sites
from edgescope.statistics.bootstrap import CONFIDENCE, RESAMPLES, bootstrap

WEIGHT = "weight"
"""Stage of attention weights."""

ALL_LAYERS = "all layers"
"""Name of the row over all layers."""

MOST_GROUPS = 1024
"""Graphs are dealt into so many groups at most, which are resampled."""

_COUNTS = ("massive_added", "massive", "added", "edges")
_WEIGHTS = ("weight_added", "uniform_added", "weight")


def reallocation(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    added: Sequence[str] | None = None,
    criterion: str | Rule = "paper2025",
    sites: Sites = None,
    edge_type_names: Sequence[str] | None = None,
    inputs: Mapping[str, str] | None = None,
    call: Call = call_model,
    seed: int = 0,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    discover: bool = True,
    progress: bool = True,
) -> Reallocation:
    """Compare the share of massive activations on added edges with their share of edges.

    Train the model on graphs with such edges first (:func:`edgescope.data.rewire`). An edge counts
    as massive in a layer if one of its activations there is. Rows that a layer adds by itself,
    such as self-loops, are no edges here. The model runs in eval mode and is left as it was.

    Args:
        model: the model.
        loader: yields batches of graphs with a type for each edge.
        added: names of the types of added edges; those that the graphs have not got are passed
            over, if there is one at least. By default added edges are those that
            :func:`edgescope.data.rewire` has marked, whatever their type.
        criterion: rule that calls an activation massive; a calibrated one as a scan has resolved
            it, ``scan.info.criterion``.
        sites: where activations are looked at; by default as in :func:`edgescope.scan`.
        edge_type_names: name of each edge type, in order; by default those of
            ``loader.dataset.edge_type_names``.
        inputs: as in :func:`edgescope.scan`.
        call: how to call the model on a batch, as in :func:`edgescope.scan`.
        seed: start of the resampling.
        resamples: how many times graphs are drawn.
        confidence: coverage of the intervals.
        discover: whether to look for attention that no adapter knows, as in
            :func:`edgescope.scan`.
        progress: whether to show a progress bar.

    Raises:
        InputError: if no edge is marked as added and no type named, if the edge types have no
            names or no added one is among them, if edges have no types, or the criterion has no
            thresholds yet.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:20]
        >>> graphs = es.data.rewire(graphs, "random_edges", share=0.5)
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> low = es.Criterion("low", ratio=5)
        >>> found = es.reallocation(model, es.data.loader(graphs), criterion=low)
        >>> found.table().height  # the layer, and all layers together
        2
    """
    model = eager_twin(model)
    loader = graph_loader(loader)
    noted = NotedCall(call)
    marks = AddedEdges(loader, added, edge_type_names)
    selector = RuleSelector(find_criterion(criterion))
    there = discover_at_start(model, loader, noted, inputs, wanted=discover)
    chosen = choose_sites(model, sites, found=there).sites
    paths = {site.path for site in chosen}
    # The gates of a node add up to nothing that could have been given to other edges.
    weighing = [s for s in select_sites(model, None) if s.stage == WEIGHT and s.path in paths]
    weights = [site for site in weighing if site.adapter.normalised]
    wanted = {site.name for site in (*chosen, *weights)}
    counts: dict[str, _PerGraph] = defaultdict(lambda: _PerGraph(len(_COUNTS)))
    shares: dict[str, _PerGraph] = defaultdict(lambda: _PerGraph(len(_WEIGHTS)))
    first = 0

    def reduce(activations: EdgeActivations) -> None:
        activations = activations._replace(identity=held.identify(activations.identity))
        found = _found(activations, marks, batch)
        layer, _, stage = activations.site.rpartition(":")
        if stage == WEIGHT:
            shares[layer].add(*_weighed(activations, found))
        else:
            counts[layer].add(found.graph, _counted(activations, found, selector))

    device = device_of(model)
    title = f"comparing edges of {type(model).__name__}"
    edges = (inputs or {}).get("edge_index", "edge_index")
    with (
        evaluating(model),
        torch.no_grad(),
        capture(model, lambda site: site.name in wanted, reduce=reduce, inputs=inputs),
    ):
        for given in track(loader, title, show=progress):
            batch = on_device(given, device)
            held = BatchOfGraphs(batch, first, edges)
            noted(model, batch)
            first += held.size
    if not first:
        raise InputError("the loader gave no batch; pass a loader over at least one graph")
    generator = np.random.default_rng(seed)
    rows = _rows(counts, shares, generator, resamples, confidence)
    return Reallocation(marks.names, selector.name, first, *rows, arguments=noted.arguments)


class _Found:
    """Rows of a site that are edges of the input: graph, target, whether they were added."""

    def __init__(self, real: Tensor, graph: Tensor, target: Tensor, added: Tensor) -> None:
        self.real, self.graph, self.target, self.added = real, graph, target, added


class _PerGraph:
    """Sums by the position of the graph in the data set.

    Args:
        width: how many sums.
    """

    def __init__(self, width: int) -> None:
        self.sums = torch.zeros(0, width, dtype=torch.float64)

    def add(self, graph: Tensor, values: Tensor) -> None:
        """Add values ``[R, width]`` of rows to their graphs ``[R]``."""
        if not len(graph):
            return
        missing = int(graph.max()) + 1 - len(self.sums)
        if missing > 0:
            self.sums = torch.cat([self.sums, self.sums.new_zeros(missing, self.sums.size(1))])
        self.sums.index_add_(0, graph.cpu(), values.double().cpu())


def _found(activations: EdgeActivations, marks: AddedEdges, batch: Any) -> _Found:  # noqa: ANN401
    identity = activations.identity
    real = identity.input_edge >= 0
    added = marks.of(identity, batch)
    return _Found(real, identity.graph[real], identity.target[real], added[real])


def _counted(activations: EdgeActivations, found: _Found, selector: RuleSelector) -> Tensor:
    """Return the columns of ``_COUNTS`` for every edge ``[E, 4]``."""
    chosen = selector.choose(activations).to(found.real.device)
    marks = chosen[found.real].flatten(1).any(dim=1)
    every = torch.ones_like(found.added)
    return torch.stack([marks & found.added, marks, found.added, every], dim=1)


def _weighed(activations: EdgeActivations, found: _Found) -> tuple[Tensor, Tensor]:
    """Return graphs ``[E']`` and the columns of ``_WEIGHTS`` ``[E', 3]`` of edges into mixed nodes.

    A node is mixed if it has added edges and others.
    """
    weight = activations.values[found.real].double().flatten(1).mean(1)
    nodes = int(found.target.max()) + 1 if len(found.target) else 0
    degree = torch.bincount(found.target, minlength=nodes)
    new = torch.bincount(found.target, weights=found.added.double(), minlength=nodes)
    total = torch.zeros(nodes, dtype=weight.dtype, device=weight.device)
    total.index_add_(0, found.target, weight)
    mixed = ((new > 0) & (new < degree))[found.target]
    uniform = (total / degree.clamp(min=1))[found.target]
    columns = torch.stack([weight * found.added, uniform * found.added, weight], dim=1)
    return found.graph[mixed], columns[mixed]


def _rows(
    counts: Mapping[str, _PerGraph],
    shares: Mapping[str, _PerGraph],
    generator: np.random.Generator,
    resamples: int,
    confidence: float,
) -> tuple[tuple[tuple[Any, ...], ...], str]:
    """Return a row per layer and one of all, and why an interval is missing."""
    rows, problems = [], []
    for layer in (*counts, ALL_LAYERS):
        row: list[Any] = [layer]
        for sums, width in ((counts, len(_COUNTS)), (shares, len(_WEIGHTS))):
            chosen = [sums[layer]] if layer in sums else []
            chosen = list(sums.values()) if layer == ALL_LAYERS else chosen
            grouped = _grouped(chosen, width)
            statistic = _count_shares if sums is counts else _weight_shares
            found = bootstrap(
                grouped,
                statistic,
                generator=generator,
                resamples=resamples,
                confidence=confidence,
            )
            whole = grouped.sum(axis=0)
            row += [int(whole[1])] if sums is counts else []
            row += [*found.estimate.tolist(), float(found.low[2]), float(found.high[2])]
            if sums is counts and found.problem:
                problems.append(found.problem)
        rows.append(tuple(None if isinstance(x, float) and isnan(x) else x for x in row))
    return tuple(rows), problems[-1] if problems else ""


def _grouped(sums: Sequence[_PerGraph], width: int) -> NDArray[np.float64]:
    """Add the sums of layers and deal graphs into groups ``[groups, width]``."""
    size = max((len(each.sums) for each in sums), default=0)
    whole = np.zeros((max(1, min(size, MOST_GROUPS)), width))
    for each in sums:
        np.add.at(whole, np.arange(len(each.sums)) % MOST_GROUPS, each.sums.numpy())
    return whole


def _count_shares(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return share of massive edges, of edges, and their difference ``[R, 3]``."""
    with np.errstate(invalid="ignore"):
        massive, edges = sums[:, 0] / sums[:, 1], sums[:, 2] / sums[:, 3]
    return np.stack([massive, edges, massive - edges], axis=1)


def _weight_shares(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return share of attention, uniform share, and their difference ``[R, 3]``."""
    with np.errstate(invalid="ignore"):
        attention, uniform = sums[:, 0] / sums[:, 2], sums[:, 1] / sums[:, 2]
    return np.stack([attention, uniform, attention - uniform], axis=1)
