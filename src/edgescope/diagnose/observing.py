"""One pass over a loader, in which rules see every attention layer."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from edgescope._modes import evaluating
from edgescope._progress import track
from edgescope.calling import Call, attribute
from edgescope.capture import EdgeActivations, EdgeIdentity, capture
from edgescope.capture.adapters.base import bound_arguments
from edgescope.capture.adapters.message_passing import MessagePassingAdapter
from edgescope.capture.hooks import watch_one
from edgescope.capture.sites import Site, find_sites
from edgescope.diagnose.rules.base import (
    STAGE_NEEDS,
    LayerInfo,
    LayerSeen,
    Rule,
    Sample,
    StateSeen,
)
from edgescope.diagnose.states import block_of, first_states, node_states
from edgescope.errors import InputError
from edgescope.scanning.batches import on_device

EVERY = 6
"""One batch in this many is looked at by default. To look at one takes two to four times as long as
to run the model on it, with global attention up to seven times, and diagnosis is to take less than
twice a pass over the data."""

SAMPLE_SHARE = 10
"""One batch in this many, and one at least, is a sample on which rules may run the model again."""

SAMPLE_MOST = 4
"""How many batches such a sample holds at most."""


def layers_of(model: nn.Module) -> list[LayerInfo]:
    """Return the attention layers of a model that can be observed, in their order."""
    found: dict[str, list[Site]] = defaultdict(list)
    for site in find_sites(model):
        if isinstance(site, Site):
            found[site.path].append(site)
    return [
        LayerInfo(path, sites[0].layer, sites[0].adapter, tuple(site.stage for site in sites))
        for path, sites in found.items()
    ]


def observe(
    model: nn.Module,
    loader: Iterable[Any],
    rules: Sequence[Rule],
    *,
    call: Call,
    inputs: Mapping[str, str] | None = None,
    every: int = EVERY,
    max_batches: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> int:
    """Run a model over a loader, in eval mode and without gradients, and let rules watch.

    Args:
        model: the model, left as it was.
        loader: the batches.
        rules: they are begun here, and see everything in the order in which it happens.
        call: how to call the model on a batch.
        inputs: what the model calls the parts of the graph, as in :func:`edgescope.capture`.
        every: the first batch and each ``every``-th after it are looked at, the others are skipped.
        max_batches: how many batches to take from the loader at most; all without it.
        seed: what rules may draw at random.
        progress: whether to show a bar.

    Returns:
        How many batches the model ran on.

    Raises:
        InputError: if the model has no layer that can be captured, or the loader is empty.
    """
    layers = layers_of(model)
    for rule in rules:
        rule.begin(layers)
    total = len(loader) if isinstance(loader, Sized) else None
    if max_batches is not None:
        total = max_batches if total is None else min(total, max_batches)
        loader = islice(loader, max_batches)
    most = min(SAMPLE_MOST, max(1, (total or 1) // SAMPLE_SHARE))
    batches: list[Any] = []
    outputs: list[Any] = []
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    looked = 0
    with evaluating(model), torch.no_grad():
        title = f"diagnosing {type(model).__name__}"
        for number, given in enumerate(track(loader, title, total, progress)):
            if number % every:
                continue
            batch = on_device(given, device)
            watching = [rule for rule in rules if looked < most or not rule.sampled]
            watch = _Watch(watching, layers, number, batch)
            with watch.watching(model, inputs):
                output = call(model, batch)
            watch.flush()
            if len(batches) < most:
                batches.append(on_device(given, device))
                outputs.append(output)
            looked += 1
        if not looked:
            raise InputError("the loader gave no batch; pass a loader over at least one graph")
        sample = Sample(model, call, batches, outputs, seed)
        for rule in rules:
            if rule.samples:
                rule.probe(sample)
    return looked


class _Watch:
    """Puts together what capture and hooks tell of a batch, and shows it to the rules.

    Args:
        rules: the rules that watch.
        layers: the attention layers.
        number: number of the batch.
        batch: the batch.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        layers: Sequence[LayerInfo],
        number: int,
        batch: Any,  # noqa: ANN401  (any PyG batch)
    ) -> None:
        self._rules = rules
        self._layers = {info.path: info for info in layers}
        self._needs = frozenset[str]().union(*(rule.needs for rule in rules))
        self._number = number
        self._batch = batch
        self._first = True
        self._pending: dict[str, dict[str, EdgeActivations]] = {}
        edges, nodes = attribute(batch, "edge_index"), attribute(batch, "batch")
        self._edges: Tensor | None = edges if isinstance(edges, Tensor) else None
        self._nodes: Tensor | None = nodes if isinstance(nodes, Tensor) else None
        if self._nodes is None and self._edges is not None:
            size = attribute(batch, "num_nodes")
            if isinstance(size, int):
                self._nodes = self._edges.new_zeros(size)
        kinds = getattr(batch, "edge_types", [])
        self._targets = {" ".join(kind): kind[-1] for kind in kinds if isinstance(kind, tuple)}

    @contextmanager
    def watching(self, model: nn.Module, inputs: Mapping[str, str] | None) -> Iterator[None]:
        """Watch the layers while the block runs."""
        stages = {stage for stage in STAGE_NEEDS if stage in self._needs}
        with ExitStack() as hooks:
            if self._layers and (stages or "rows" in self._needs):
                wanted = {
                    f"{info.path}:{stage}"
                    for info in self._layers.values()
                    # The rows come with any stage; the weight is there everywhere, or else cheap.
                    for stage in ((stages & set(info.stages)) or {info.stages[0]})
                }
                sites = capture(
                    model,
                    lambda site: site.name in wanted,
                    reduce=self._take,
                    inputs=inputs,
                )
                hooks.enter_context(sites)
            for remove in self._attach(model, "state" in self._needs):
                hooks.callback(watch_one(remove))
            yield

    def _attach(self, model: nn.Module, states: bool) -> Iterator[Any]:
        modules = dict(model.named_modules())
        # A hook in a fused layer would change which kernel runs, and so the outputs.
        open_ones = [path for path, info in self._layers.items() if modules.get(path) is info.layer]
        for path in open_ones:
            done = partial(self._layer_done, path)
            yield modules[path].register_forward_hook(done, with_kwargs=True).remove
        if not states:
            return
        for path in dict.fromkeys(block_of(path, modules) for path in open_ones):
            module = modules[path]
            yield module.register_forward_pre_hook(self._block_entered, with_kwargs=True).remove
            yield module.register_forward_hook(partial(self._block_done, path)).remove

    def _take(self, activations: EdgeActivations) -> None:
        path, _, stage = activations.site.rpartition(":")
        self._pending.setdefault(path, {})[stage] = activations

    def _layer_done(
        self,
        path: str,
        layer: nn.Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        output: object,
    ) -> None:
        mine = [each for each in self._pending if each.partition("@")[0] == path]
        arguments = bound_arguments(layer, args, kwargs)
        x = node_states(next(iter(arguments.values()), None))
        for each in mine:
            self._show(each, self._pending.pop(each), x, first_states(output), arguments)

    def flush(self) -> None:
        """Show the calls of layers that may have no hook of their own."""
        for path in list(self._pending):
            self._show(path, self._pending.pop(path), (None, None), None, None)

    def _show(
        self,
        path: str,
        stages: Mapping[str, EdgeActivations],
        x: tuple[Tensor | None, Tensor | None],
        output: Tensor | None,
        arguments: Mapping[str, Any] | None,
    ) -> None:
        info = self._layers[path.partition("@")[0]]
        identity = next(iter(stages.values())).identity
        flat = {name: each.values.flatten(1) for name, each in stages.items()}
        pairs = _attends_to_all(info)
        seen = LayerSeen(
            path,
            info.layer,
            self._number,
            identity.edge_index,
            self._softmax(identity, info.layer),
            identity.input_edge,
            self._graph(identity),
            None if self._nodes is None else len(self._nodes),
            pairs,
            flat.get("logit"),
            flat.get("weight"),
            stages["score"].values if "score" in stages else None,
            stages["message"].values if "message" in stages else None,
            x,
            output,
            arguments,
            self._batch,
            self._graph_of_nodes(identity),
        )
        for rule in self._rules:
            rule.observe(seen)

    def _graph(self, identity: EdgeIdentity) -> Tensor:
        """Return the graph of every row, from the batch where the model was not told."""
        target = identity.edge_index[1]
        if self._nodes is None or not target.numel() or int(target.max()) >= len(self._nodes):
            return identity.graph
        return self._nodes[target]

    def _graph_of_nodes(self, identity: EdgeIdentity) -> Tensor | None:
        """Return the graph of every node, unless the layer works on other nodes."""
        ends = identity.edge_index
        if self._nodes is None or identity.relations is not None:
            return None
        return self._nodes if not ends.numel() or int(ends.max()) < len(self._nodes) else None

    def _softmax(self, identity: EdgeIdentity, layer: nn.Module) -> Tensor:
        """Return which softmax every row belongs to ``[E]``."""
        target = identity.edge_index[0 if _flows_back(layer) else 1]
        if identity.relation is None or identity.relations is None or not target.numel():
            return target
        # HGTConv has one softmax over the relations into a node; other layers one per relation.
        joined = type(layer).__name__ == "HGTConv"
        kinds = [self._targets.get(name, name) if joined else name for name in identity.relations]
        numbers = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
        kind = target.new_tensor([numbers[each] for each in kinds])[identity.relation]
        return kind * (int(target.max()) + 1) + target

    def _block_entered(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._first:
            self._first = False
            self._show_state("input", first_states((*args, *kwargs.values())))

    def _block_done(self, path: str, _: nn.Module, __: object, output: object) -> None:
        self._show_state(path, first_states(output))

    def _show_state(self, path: str, x: Tensor | None) -> None:
        if x is None or self._nodes is None or self._edges is None or len(x) != len(self._nodes):
            return
        seen = StateSeen(path, self._number, x, self._edges, self._nodes)
        for rule in self._rules:
            rule.observe_state(seen)


def _flows_back(layer: nn.Module) -> bool:
    return getattr(layer, "flow", "source_to_target") == "target_to_source"


def _attends_to_all(info: LayerInfo) -> bool:
    """Return whether a layer attends to all pairs of nodes, not only to a self-loop besides."""
    loops_only = isinstance(info.adapter, MessagePassingAdapter)
    return info.adapter.adds_edges(info.layer) and not loops_only
