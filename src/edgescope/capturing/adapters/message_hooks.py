"""What a message-passing layer's own hooks tell of a call, and what they replace in it."""

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.capturing.adapters.adapter import (
    Emit,
    Layer,
    Remove,
    Replace,
    bound_arguments,
    observing,
    spliced,
)
from edgescope.capturing.adapters.current_edits import edited, editing
from edgescope.capturing.adapters.edge_call import EdgeCall, EdgeFormulas, check_alike
from edgescope.capturing.adapters.layer_options import (
    check_arguments,
    refuse_fused,
    refuse_two_sets,
)
from edgescope.capturing.graph_input import plain_edges

_BEFORE_MESSAGE = {"score", "logit", "weight"}


class LayerHooks:
    """Gathers the arguments and intermediate results of each call of a layer.

    A method that returns a tensor puts it in the place of what the layer has computed.

    Args:
        adapter: knows the formulas of the layer.
        layer: the layer.
    """

    def __init__(self, adapter: EdgeFormulas, layer: Layer) -> None:
        self._adapter = adapter
        self._layer = layer
        self._call = EdgeCall(adapter, layer)

    def hook(self) -> Iterator[Remove]:
        """Hook the layer, giving what removes each hook."""
        layer = self._layer
        self._entered = layer.register_forward_pre_hook(self._enter, with_kwargs=True)
        yield self._entered.remove
        yield layer.register_propagate_forward_pre_hook(self._propagating).remove
        yield layer.register_edge_update_forward_hook(self._edges_updated).remove
        yield layer.register_message_forward_hook(self._messages_computed).remove
        for name in self._adapter.submodules:
            submodule = getattr(layer, name, None)
            if isinstance(submodule, nn.Module):
                yield submodule.register_forward_hook(partial(self._computed, name)).remove

    def _enter(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._call = EdgeCall(self._adapter, self._layer)  # forget a call that raised
        check_arguments(self._adapter, layer, args, kwargs)
        if layer.flow == "target_to_source":
            refuse_two_sets(layer, args, kwargs)
        if self._adapter.replaces_loops(layer):
            self._call.given = _given_edges(layer, args, kwargs)

    def _propagating(self, _: Layer, inputs: tuple[Any, ...]) -> None:
        if self._layer.fuse:
            refuse_fused(self._layer, inputs[0])

    def _edges_updated(self, _: Layer, inputs: tuple[Any, ...], __: Tensor) -> Tensor | None:
        edge_index, _size, kwargs = inputs
        self._call.arguments |= _collected(self._layer, edge_index, kwargs)
        return None

    def _messages_computed(self, _: Layer, inputs: tuple[Any, ...], __: Tensor) -> Tensor | None:
        self._call.arguments |= inputs[0]
        return None

    def _computed(self, name: str, _: Layer, __: object, output: Tensor) -> None:
        self._call.keep_output(name, output)


class MessageObserver(LayerHooks):
    """Gathers what one layer's hooks tell of a call, and emits its stages."""

    def __init__(
        self, adapter: EdgeFormulas, layer: Layer, stages: Collection[str], emit: Emit
    ) -> None:
        super().__init__(adapter, layer)
        self._stages = tuple(stages)
        self._emit = emit

    def hook(self) -> Iterator[Remove]:
        """Hook the layer, giving what removes each hook."""
        yield from super().hook()
        yield self._layer.register_propagate_forward_hook(self._propagated).remove

    def _edges_updated(self, layer: Layer, inputs: tuple[Any, ...], weight: Tensor) -> None:
        super()._edges_updated(layer, inputs, weight)
        # In training, what edge_update returns is what dropout leaves of the weights.
        if self._adapter.weight_in == "edge_update" and not self._drops():
            self._call.own_weight = weight

    def _messages_computed(self, layer: Layer, inputs: tuple[Any, ...], message: Tensor) -> None:
        super()._messages_computed(layer, inputs, message)
        self._call.message = message
        if self._adapter.kept_weight is not None:
            self._call.own_weight = getattr(layer, self._adapter.kept_weight)

    def _propagated(self, _: Layer, inputs: tuple[Any, ...], __: Tensor) -> None:
        call, self._call = self._call, EdgeCall(self._adapter, self._layer)
        call.edge_index = plain_edges(inputs[0], type(self._layer).__name__)
        call.num_nodes = tuple(inputs[1])
        rows, now = call.rows(), edited(self._layer)
        for stage in self._stages:
            with observing():
                if stage == "weight" and now is None:
                    self._check_weights(call)
                values = (now or {}).get(stage)
                values = call.per_head(call.stage(stage), stage) if values is None else values
            self._emit(stage, values, rows)

    def _check_weights(self, call: EdgeCall) -> None:
        """Hold the weights against the layer's own, or against its messages if it keeps none."""
        layer, weight = self._layer, call.stage("weight")
        if call.own_weight is not None:
            check_alike(layer, "weights", call.own_weight, weight)
        elif self._adapter.weight_in == "message" and not self._drops():
            check_alike(
                layer, "messages", call.message, self._adapter.message_of(layer, call, weight)
            )

    def _drops(self) -> bool:
        """Return whether the layer drops some of its weights, as it may in training."""
        return bool(self._layer.training and getattr(self._layer, "dropout", 0.0))


class MessageEditor(LayerHooks):
    """Puts new values in the place of a layer's own, where it computes them.

    Args:
        adapter: knows the formulas of the layer.
        layer: the layer.
        stages: the stages to replace.
        replace: gives the new values.
    """

    def __init__(
        self,
        adapter: EdgeFormulas,
        layer: Layer,
        stages: Collection[str],
        replace: Replace,
    ) -> None:
        super().__init__(adapter, layer)
        self._stages = set(stages)
        self._replace = replace
        self._now: dict[str, Tensor] = {}

    def hook(self) -> Iterator[Remove]:
        """Hook the layer, giving what removes each hook."""
        hooks = super().hook()
        yield next(hooks)
        self._now = editing(self._layer, self._entered)
        yield from hooks

    def _enter(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super()._enter(layer, args, kwargs)
        self._now.clear()
        self._call.num_nodes = _sizes(layer, args, kwargs)

    def _propagating(self, layer: Layer, inputs: tuple[Any, ...]) -> None:
        super()._propagating(layer, inputs)
        self._at(inputs[0])

    def _edges_updated(
        self, layer: Layer, inputs: tuple[Any, ...], weight: Tensor
    ) -> Tensor | None:
        self._at(inputs[0])
        super()._edges_updated(layer, inputs, weight)
        if self._adapter.weight_in != "edge_update":
            return None
        found = self._weights()
        if found is None:
            return None
        check_alike(layer, "weights", weight, found[0])
        return spliced(weight, *found)

    def _messages_computed(
        self, layer: Layer, inputs: tuple[Any, ...], message: Tensor
    ) -> Tensor | None:
        super()._messages_computed(layer, inputs, message)
        changed = False
        if self._adapter.weight_in == "message":
            found = self._weights()
            if found is not None:
                before, after = (
                    self._adapter.message_of(self._layer, self._call, weight).reshape(message.shape)
                    for weight in found
                )
                check_alike(layer, "messages", message, before)
                message, changed = spliced(message, before, after), True
                self._keep(found[1])
        if "message" in self._stages:
            new = self._replace(
                "message", self._call.per_head(message, "message"), self._call.rows()
            )
            if new is not None:
                message, changed = new.reshape(message.shape), True
        if changed:
            self._now["message"] = self._call.per_head(message, "message")
        return message if changed else None

    def _keep(self, weight: Tensor) -> None:
        """Let the layer return the weights ``[E, H]`` that it goes on with."""
        kept = self._adapter.kept_weight
        if kept is not None:
            own = getattr(self._layer, kept)
            setattr(self._layer, kept, weight.reshape(own.shape).to(own.dtype))

    def _weights(self) -> tuple[Tensor, Tensor] | None:
        """Return the weights ``[E, H]`` without and with the edit; ``None`` if there is none."""
        if not self._stages & _BEFORE_MESSAGE:
            return None
        call, changed = self._call, False
        before = call.stage("weight")
        logit = call.stage("logit")
        if "score" in self._stages:
            score = self._call.per_head(call.stage("score"), "score")
            new = self._replace("score", score, self._call.rows())
            if new is not None:
                own, given = (
                    self._adapter.logit_of(self._layer, each).reshape(logit.shape)
                    for each in (score, new)
                )
                self._now["score"] = new
                logit, changed = spliced(logit, own, given), True
        if "logit" in self._stages:
            new = self._replace("logit", self._call.per_head(logit, "logit"), self._call.rows())
            if new is not None:
                logit, changed = new.reshape(logit.shape), True
        after = self._adapter.weight_of(self._layer, call, logit) if changed else before
        if "weight" in self._stages:
            new = self._replace("weight", self._call.per_head(after, "weight"), self._call.rows())
            if new is not None:
                after, changed = new.reshape(after.shape), True
        if changed:
            self._now["logit"] = call.per_head(logit, "logit")
            self._now["weight"] = call.per_head(after, "weight")
        return (before, after) if changed else None

    def _at(self, edge_index: Any) -> None:  # noqa: ANN401  (what the layer is given)
        self._call.edge_index = plain_edges(edge_index, type(self._layer).__name__)


def _given_edges(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """Return the edges that the layer is called with ``[2, M]``, before it replaces loops."""
    found = bound_arguments(layer, args, kwargs).get("edge_index")
    if not isinstance(found, Tensor) or found.layout != torch.strided:
        return None  # refused where its rows are read
    return plain_edges(found, type(layer).__name__)


def _collected(layer: Layer, edge_index: Tensor, kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of ``edge_update`` by edge.

    PyG's hook gives them so, unless the layer is in explanation mode; then it gives what
    ``edge_updater`` got, by node.
    """
    names = layer.inspector.get_param_names("edge_update")
    if set(kwargs) == set(names):
        return kwargs
    by_edge = layer._collect(layer._edge_user_args, edge_index, [None, None], kwargs)  # noqa: SLF001  (as PyG does itself)
    found: Mapping[str, Any] = layer.inspector.collect_param_data("edge_update", by_edge)
    return found


def _sizes(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[int | None, int | None]:
    """Return how many source and target nodes a layer is called with, as it is told or by ``x``."""
    arguments = bound_arguments(layer, args, kwargs)
    told, given = arguments.get("size"), arguments.get("x")
    if told is not None:
        return told[0], told[1]
    ends = (given, given) if isinstance(given, Tensor) else given
    match ends:
        case (source, target):
            return _size(source), _size(target)
    return None, None


def _size(nodes: object) -> int | None:
    return nodes.size(0) if isinstance(nodes, Tensor) else None
