"""What rules see of one batch: put together from capture and hooks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from edgescope.capturing import EdgeActivations, EdgeIdentity, capture, hooks
from edgescope.capturing.adapters.adapter import bound_arguments
from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.node_sets import NodeTypes, two_node_sets
from edgescope.diagnosis.module_values import Finiteness, block_of, first_states, node_states
from edgescope.diagnosis.neighbour_sums import Groups
from edgescope.diagnosis.rules.diagnosis_rule import (
    STAGE_NEEDS,
    BatchSeen,
    LayerInfo,
    LayerSeen,
    Rule,
    StateSeen,
)
from edgescope.lib.compiled_parts import named_parts
from edgescope.lib.model_call import attribute

REMEMBERED = 4
"""Kinds of rows that are remembered within a batch: a model rarely has more than two."""


SOFTMAX_STAGES = ("logit", "weight")
"""Stages that have one number per softmax and edge."""


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
        self._sets = NodeTypes(batch)
        self._bipartite = False
        self._groups: list[tuple[EdgeIdentity, bool, Groups]] = []
        self._finiteness = Finiteness()
        self._finite = True

    @contextmanager
    def watching(
        self, model: nn.Module, inputs: Mapping[str, str] | None, trust: Trust = ()
    ) -> Iterator[None]:
        """Watch the layers while the block runs."""
        stages = {stage for stage in STAGE_NEEDS if stage in self._needs}
        layers = list(self._layers.values())
        if not (stages or "rows" in self._needs):
            # Of a layer without a hook of its own, capture alone can tell that it ran.
            modules = dict(named_parts(model))
            closed = [info for info in layers if not _is_open(info, modules)]
            layers = [] if self._number else closed
        with ExitStack() as stack:
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
                    trust=trust,
                )
                stack.enter_context(sites)

            def hook(watch: hooks.Watch) -> None:
                for remove in self._attach(model, "state" in self._needs):
                    watch.add(remove)
                if "finite" in self._needs:
                    for remove in self._finiteness.attach(model):
                        watch.add(remove)

            stack.enter_context(hooks.watching(model, hook))
            yield

    def _attach(self, model: nn.Module, states: bool) -> Iterator[Any]:
        modules = dict(named_parts(model))
        open_ones = [path for path, info in self._layers.items() if _is_open(info, modules)]
        for path in open_ones:
            done = partial(self._layer_done, path)
            yield modules[path].register_forward_hook(done, with_kwargs=True).remove
        if not states:
            return
        for path in open_ones:
            yield modules[path].register_forward_pre_hook(self._entered, with_kwargs=True).remove
        # What was discovered is named as the user likes, in a module that holds more than itself.
        layers = {id(info.layer) for info in self._layers.values() if info.adapter.discovers}
        found = [path for path, module in modules.items() if path and id(module) in layers]
        for path in dict.fromkeys(block_of(path, modules) for path in (*open_ones, *found)):
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
        for each in mine:
            self._show(each, self._pending.pop(each), first_states(output), arguments)

    def _entered(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Note a layer between two sets of nodes, whose states are not those of one graph."""
        given = next(iter(bound_arguments(layer, args, kwargs).values()), None)
        self._bipartite = self._bipartite or two_node_sets(given, self._batch)

    def flush(self) -> None:
        """Show the calls of layers that may have no hook of their own, and the end of the batch."""
        for path in list(self._pending):
            self._show(path, self._pending.pop(path), None, None)
        seen = BatchSeen(self._number, self._batch, self._still_finite(True))
        for rule in self._rules:
            rule.observe_batch(seen)

    def _show(
        self,
        path: str,
        stages: Mapping[str, EdgeActivations],
        output: Tensor | None,
        arguments: Mapping[str, Any] | None,
    ) -> None:
        info = self._layers[path.partition("@")[0]]
        identity = next(iter(stages.values())).identity
        self.ran[info.path] = (self.ran.get(info.path) or 0) + len(identity.input_edge)
        flat = {name: each.values.flatten(1) for name, each in stages.items()}
        two_sets = self._sets.differ(identity)
        if info.adapter.two_sets(info.layer):
            # What it is given first are the states of one of its two sets alone.
            given, two_sets = None, True
        else:
            given = next(iter((arguments or {}).values()), None)
        if two_sets is None:
            two_sets = two_node_sets(given, self._batch)
        # A gate is no share of what a node attends with.
        shares = info.adapter.normalised
        seen = LayerSeen(
            path,
            info.layer,
            info.adapter,
            self._number,
            identity.edge_index,
            self._grouped(identity, info),
            identity.input_edge,
            self._graph(identity, two_sets),
            None if self._nodes is None else len(self._nodes),
            info.attends_to_all,
            flat.get("logit") if shares else None,
            flat.get("weight") if shares else None,
            stages["score"].above_floor if "score" in stages else None,
            stages["message"].above_floor if "message" in stages else None,
            node_states(given, identity.target_row),
            output,
            arguments,
            self._batch,
            self._graph_of_nodes(identity, two_sets),
            identity.target_row,
            two_sets,
            _by_channel(stages),
        )
        finite = self._still_finite(seen.finite)
        for rule in self._rules:
            rule.show(seen, finite)

    def _graph(self, identity: EdgeIdentity, two_sets: bool | Tensor) -> Tensor:
        """Return the graph of every row, from the batch where the model was not told."""
        target = identity.target
        if two_sets is not False or self._nodes is None or not target.numel():
            return identity.graph
        return identity.graph if int(target.max()) >= len(self._nodes) else self._nodes[target]

    def _graph_of_nodes(self, identity: EdgeIdentity, two_sets: bool | Tensor) -> Tensor | None:
        """Return the graph of every node, unless the layer works on other nodes."""
        ends = identity.edge_index
        if self._nodes is None or identity.relations is not None or two_sets is not False:
            return None
        return self._nodes if not ends.numel() or int(ends.max()) < len(self._nodes) else None

    def _grouped(self, identity: EdgeIdentity, info: LayerInfo) -> Groups:
        """Return which softmax every row belongs to, and whom it leads to."""
        joined = info.adapter.joins_relations
        for known, kind, groups in self._groups:
            if known is identity and kind == joined:
                return groups
        groups = Groups(
            self._sets.softmax(identity, joined),
            self._sets.sender(identity),
            parallel=not info.attends_to_all,
        )
        self._groups = [*self._groups[1 - REMEMBERED :], (identity, joined, groups)]
        return groups

    def _block_entered(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._first:
            self._first = False
            self._show_state("input", first_states((*args, *kwargs.values())))

    def _block_done(self, path: str, _: nn.Module, __: object, output: object) -> None:
        self._show_state(path, first_states(output))

    def _show_state(self, path: str, x: Tensor | None) -> None:
        if x is None or self._nodes is None or self._edges is None or len(x) != len(self._nodes):
            return
        if self._bipartite:
            return
        seen = StateSeen(path, self._number, x, self._edges, self._nodes)
        finite = self._still_finite(seen.finite)
        for rule in self._rules:
            rule.show_state(seen, finite)

    def _still_finite(self, finite: bool) -> bool:
        """Return whether all was finite so far in the batch; what follows is spoiled otherwise."""
        self._finite = self._finite and finite and self._finiteness.finite()
        return self._finite


def _by_channel(stages: Mapping[str, EdgeActivations]) -> bool:
    """Return whether a layer has several weights or logits per head, one for each channel."""
    return any(each.values.size(2) > 1 for name, each in stages.items() if name in SOFTMAX_STAGES)


def _is_open(info: LayerInfo, modules: Mapping[str, nn.Module]) -> bool:
    """Return whether a layer may have a hook: in a fused one it would change which kernel runs.

    The module in which attention was discovered is no layer whose arguments and output say what
    they are.
    """
    return not info.adapter.discovers and modules.get(info.path) is info.layer
