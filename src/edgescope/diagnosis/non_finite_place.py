"""Where numbers that are not finite begin: the place, and its row, edge and graph.

The model runs again, and every module tells. Which of the numbers that enter is the cause is found
by experiment: with all that are not finite set to finite ones, and then with one of them only as it
was.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.capturing import EdgeActivations, EdgeIdentity, capture
from edgescope.capturing.adapters.adapter import bound_arguments
from edgescope.diagnosis.layer_info import LayerInfo, has_mask
from edgescope.diagnosis.module_values import open_modules, tensors_in
from edgescope.diagnosis.neighbour_sums import all_finite, largest_magnitude
from edgescope.diagnosis.non_finite_inputs import Broken, Key, Source
from edgescope.lib.graph_names import GraphNames, called
from edgescope.lib.model_call import attribute

OUTPUT = "output"
"""Stage of a place that is what a module returned."""


@dataclass(frozen=True)
class Place:
    """Where numbers that are not finite were first seen in a pass of a model.

    Attributes:
        path: path of the module.
        stage: ``"score"``, ``"logit"``, ``"weight"`` or ``"message"`` of an attention layer, or
            ``"output"``.
        broken: what is not finite there.
        inputs_finite: whether all that the module was given was finite, where that is known.
        largest: largest magnitude in what the module was given.
        identity: which edge every row is, at a stage.
    """

    path: str
    stage: str
    broken: Broken
    inputs_finite: bool | None
    largest: float
    identity: EdgeIdentity | None = None

    @property
    def name(self) -> tuple[str, str]:
        """Path and stage."""
        return self.path, self.stage


@dataclass(frozen=True)
class Rerun:
    """Runs a model on one batch again.

    Attributes:
        model: the model, in eval mode; it is left as it was.
        call: runs it on a batch.
        batch: the batch; it is left as it was.
        layers: the attention layers, whose stages are looked at.
        inputs: what the model calls the parts of the graph, as in :func:`edgescope.capture`.
    """

    model: nn.Module
    call: Callable[[nn.Module, Any], Any]
    batch: Any
    layers: Sequence[LayerInfo]
    inputs: Mapping[str, str] | None

    def first_place(self, batch: Any = None) -> Place | None:  # noqa: ANN401  (any PyG batch)
        """Return where the first numbers that are not finite are seen; ``None`` if there are none.

        Args:
            batch: another batch than the own one.
        """
        trace = _Trace(info.path for info in self.layers if info.attends_to_all)
        paths = [info.path for info in self.layers]
        sites = {f"{info.path}:{stage}" for info in self.layers for stage in info.stages}
        with ExitStack() as hooks, torch.no_grad():
            if sites:
                hooks.enter_context(
                    capture(
                        self.model,
                        lambda site: site.name in sites,
                        reduce=trace.computed,
                        inputs=self.inputs,
                    )
                )
            for path, module in open_modules(self.model):
                if _sums_messages(module) and any(path.startswith(f"{each}.") for each in paths):
                    continue  # the layer's own stages say it better
                enter = module.register_forward_pre_hook(
                    partial(trace.entered, path), with_kwargs=True
                )
                hooks.callback(enter.remove)
                hooks.callback(module.register_forward_hook(partial(trace.returned, path)).remove)
            self.call(self.model, self.batch if batch is None else batch)
        return trace.place

    def cause(self, place: Place, sources: Sequence[Source]) -> Source | None:
        """Return which of the numbers that are not finite alone leads to a place.

        Args:
            place: the place, as :meth:`first_place` returned it.
            sources: tensors with numbers that are not finite, in order.

        Returns:
            The first that does with all others made finite; the first one if it takes several of
            them; ``None`` if it comes to it with all of them made finite.
        """
        if not sources or self._leads_to(place, sources):
            return None
        for source in sources:
            if self._leads_to(place, [each for each in sources if each is not source]):
                return source
        return sources[0]

    def _leads_to(self, place: Place, finite: Sequence[Source]) -> bool:
        """Return whether the model comes to a place with some sources made finite."""
        with ExitStack() as mended:
            batch = self.batch
            for source in finite:
                batch = mended.enter_context(source.mended(batch))
            found = self.first_place(batch)
        return found is not None and found.name == place.name


def _sums_messages(module: nn.Module) -> bool:
    """Return whether a module is what a layer of PyG aggregates its messages with."""
    aggregation = sys.modules.get("torch_geometric.nn.aggr")
    return aggregation is not None and isinstance(module, aggregation.Aggregation)


class _Trace:
    """Notes the first numbers that are not finite."""

    def __init__(self, masked: Iterable[str]) -> None:
        self.place: Place | None = None
        self._given: dict[str, tuple[bool, float]] = {}
        self._masked = set(masked)

    def entered(
        self, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Note what a module is given."""
        if self.place is not None:
            return
        given = [each for each in tensors_in((*args, kwargs)) if each.is_floating_point()]
        finite = all(map(all_finite, given))
        self._given[path] = finite, max(map(largest_magnitude, given), default=0.0)
        if path in self._masked and not has_mask(bound_arguments(module, args, kwargs)):
            self._masked.discard(path)

    def computed(self, activations: EdgeActivations) -> None:
        """Look at a stage of an attention layer."""
        site, values, identity = activations[:3]
        path, _, stage = site.rpartition(":")
        self._look(path.partition("@")[0], stage, values, identity)

    def returned(self, path: str, _: nn.Module, __: object, output: object) -> None:
        """Look at what a module returns."""
        for each in tensors_in(output):
            self._look(path, OUTPUT, each, None)

    def _look(self, path: str, stage: str, values: Tensor, identity: EdgeIdentity | None) -> None:
        if self.place is not None:
            return
        if stage == "logit" and path in self._masked:
            values = values.where(values != -torch.inf, 0)  # pairs that a mask forbids
        broken = Broken.of(values)
        if broken is not None:
            finite, largest = self._given.get(path, (None, 0.0))
            self.place = Place(path, stage, broken, finite, largest, identity)


Numbers = dict[str, Any]


def in_the_batch(batch: Any, key: Key, first: tuple[int, ...]) -> tuple[Numbers, str]:  # noqa: ANN401  (any PyG batch)
    """Return the row and the graph of a number in a tensor of a batch, and how to say it.

    Args:
        batch: the batch.
        key: which of its tensors.
        first: position of the number in it.
    """
    if not first:
        return {}, ""
    row = first[0]
    return _in_graph(batch, row, _graph_of_row(batch, key, row))


def in_the_model(found: Place, batch: Any) -> tuple[Numbers, str]:  # noqa: ANN401  (as above)
    """Return the row, the graph and the edge of the first number at a place, and how to say it."""
    first = found.broken.first
    if not first:
        return {}, ""
    row = first[0]
    if found.identity is not None:
        graph, edge = int(found.identity.graph[row]), int(found.identity.input_edge[row])
        what = f"edge {edge}" if edge >= 0 else "a row that is no edge of the input"
        identifiers = _identifiers(batch, graph)
        numbers = {"row": row, "graph": graph, **identifiers, "edge": edge, "head": first[1]}
        where = called(graph, identifiers.get("identifiers", {}))
        return numbers, f" at {what} of {where} of the batch, head {first[1]}"
    of_node = attribute(batch, "batch")
    graphs = getattr(batch, "num_graphs", 1)
    at: int | None = None
    if isinstance(of_node, Tensor) and len(of_node) == len(found.broken.values):
        at = int(of_node[row])
    elif graphs == len(found.broken.values) or graphs == 1:
        at = row if graphs > 1 else 0
    return _in_graph(batch, row, at)


def _in_graph(batch: Any, row: int, graph: int | None) -> tuple[Numbers, str]:  # noqa: ANN401  (as above)
    """Return the row and the graph of a number, and how to say it."""
    if graph is None:
        return {"row": row}, f" in row {row}"
    identifiers = _identifiers(batch, graph)
    where = called(graph, identifiers.get("identifiers", {}))
    return {"row": row, "graph": graph, **identifiers}, f" in row {row} ({where} of the batch)"


def _identifiers(batch: Any, graph: int) -> Numbers:  # noqa: ANN401  (as above)
    """Return the identifiers of a graph of a batch, by column, under that name; if it has any."""
    graphs = range(int(getattr(batch, "num_graphs", 1)))
    known = GraphNames.of_batch(batch, graphs).identify(graph)
    return {"identifiers": known} if known else {}


def _graph_of_row(batch: Any, key: Key, row: int) -> int | None:  # noqa: ANN401  (as above)
    """Return the graph of a row of one of a batch's tensors, if that can be told."""
    if not hasattr(batch, "stores"):
        return None
    number, name = key
    store = batch.stores[number]
    nodes = store
    if store.is_edge_attr(name):
        edges = store.get("edge_index")
        if not isinstance(edges, Tensor):
            return None
        kind = getattr(store, "_key", None)
        nodes = store if kind is None else batch[kind[0]]
        row = int(edges[0, row])
    elif not store.is_node_attr(name):
        return row if getattr(batch, "num_graphs", 1) == len(store[name]) else None
    of_node = nodes.get("batch")
    if not isinstance(of_node, Tensor):
        return 0 if getattr(batch, "num_graphs", 1) == 1 else None
    return int(of_node[row])
