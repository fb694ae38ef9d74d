"""What rules see of one batch: put together from capture and hooks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from edgescope.calling import attribute
from edgescope.capture import EdgeActivations, EdgeIdentity, capture
from edgescope.capture.adapters.base import bound_arguments
from edgescope.capture.adapters.message_passing import MessagePassingAdapter
from edgescope.capture.hooks import watch_one
from edgescope.diagnose.rules.base import STAGE_NEEDS, LayerInfo, LayerSeen, Rule, StateSeen
from edgescope.diagnose.states import block_of, first_states, node_states


class Watch:
    """Puts together what capture and hooks tell of a batch, and shows it to the rules.

    Args:
        rules: the rules that watch.
        layers: the attention layers.
        number: number of the batch.
        batch: the batch.

    Attributes:
        ran: path of every layer that ran to how many of its rows were captured, if any were.
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
        self.ran: dict[str, int | None] = {}
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
        layers = list(self._layers.values())
        if not (stages or "rows" in self._needs):
            # Of a layer without a hook of its own, capture alone can tell that it ran.
            closed = [info for info in layers if not _is_open(info, model)]
            layers = [] if self._number else closed
        with ExitStack() as hooks:
            if layers:
                wanted = {
                    f"{info.path}:{stage}"
                    for info in layers
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
        open_ones = [path for path, info in self._layers.items() if _is_open(info, model)]
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
        self.ran.setdefault(path, None)
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
        self.ran[info.path] = (self.ran.get(info.path) or 0) + len(identity.input_edge)
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


def _is_open(info: LayerInfo, model: nn.Module) -> bool:
    """Return whether a layer may have a hook: in a fused one it would change which kernel runs."""
    return model.get_submodule(info.path) is info.layer


def _flows_back(layer: nn.Module) -> bool:
    return getattr(layer, "flow", "source_to_target") == "target_to_source"


def _attends_to_all(info: LayerInfo) -> bool:
    """Return whether a layer attends to all pairs of nodes, not only to a self-loop besides."""
    loops_only = isinstance(info.adapter, MessagePassingAdapter)
    return info.adapter.adds_edges(info.layer) and not loops_only
