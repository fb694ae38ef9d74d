"""Replacing what a message-passing layer computes on edges, through its own hooks."""

from collections.abc import Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Remove, Replace, bound_arguments, spliced
from edgescope.capturing.adapters.message_hooks import LayerHooks, check_alike
from edgescope.capturing.edge_rows import EdgeRows
from edgescope.capturing.graph_input import plain_edges

if TYPE_CHECKING:
    from edgescope.capturing.adapters.message_passing import MessagePassingAdapter

_BEFORE_MESSAGE = {"score", "logit", "weight"}


EDITED: "WeakSet[Layer]" = WeakSet()
"""The layers that are being edited, whose weights are not what their formula gives."""


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
        adapter: "MessagePassingAdapter",
        layer: Layer,
        stages: Collection[str],
        replace: Replace,
    ) -> None:
        super().__init__(adapter, layer)
        self._stages = set(stages)
        self._replace = replace

    def hook(self) -> Iterator[Remove]:
        """Hook the layer, giving what removes each hook."""
        EDITED.add(self._layer)
        yield partial(EDITED.discard, self._layer)
        yield from super().hook()

    def _enter(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super()._enter(layer, args, kwargs)
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
                value = self._adapter.value(self._layer, self._call)
                before, after = (
                    (value * weight.unsqueeze(-1)).reshape(message.shape) for weight in found
                )
                check_alike(layer, "messages", message, before)
                message, changed = spliced(message, before, after), True
                self._keep(found[1])
        if "message" in self._stages:
            new = self._replace("message", self._call.per_head(message), self._rows())
            if new is not None:
                message, changed = new.reshape(message.shape), True
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
            score = self._call.per_head(call.stage("score"))
            new = self._replace("score", score, self._rows())
            if new is not None:
                logit, changed = spliced(logit, score.sum(-1), new.sum(-1)), True
        if "logit" in self._stages:
            new = self._replace("logit", self._call.per_head(logit), self._rows())
            if new is not None:
                logit, changed = new.reshape(logit.shape), True
        after = call.softmax(logit) if changed else before
        if "weight" in self._stages:
            new = self._replace("weight", self._call.per_head(after), self._rows())
            if new is not None:
                after, changed = new.reshape(after.shape), True
        return (before, after) if changed else None

    def _at(self, edge_index: Any) -> None:  # noqa: ANN401  (what the layer is given)
        self._call.edge_index = plain_edges(edge_index, type(self._layer).__name__)

    def _rows(self) -> EdgeRows:
        call = self._call
        replaces_loops = self._adapter.replaces_loops(self._layer)
        return EdgeRows(
            call.edge_index,
            call.num_nodes,
            replaces_loops,
            call.given,
            target_row=call.target_row,
        )


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
