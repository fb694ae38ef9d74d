"""Adapters for PyG's message-passing layers, and the base of a user's own."""

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from edgescope.capture.adapters.base import Adapter, Emit, Layer, Remove, observing, per_head
from edgescope.capture.graph_input import plain_edges
from edgescope.capture.rows import EdgeRows
from edgescope.errors import InputError


class EdgeCall:
    """One call of a message-passing layer, seen from its edges.

    ``call["x_j"]`` is an argument of ``message`` or ``edge_update``; ``call.get`` gives ``None``
    where there is no such argument.

    Attributes:
        edge_index: source and target of every edge ``[2, E]``, as the layer saw them.
        num_nodes: number of source and of target nodes, where known.
        message: what ``message`` returned.
        outputs: what the submodules named by the adapter returned.
    """

    def __init__(self, adapter: "MessagePassingAdapter", layer: Layer) -> None:
        self.edge_index = torch.empty(0)
        self.num_nodes: tuple[int | None, int | None] = (None, None)
        self.message = torch.empty(0)
        self.outputs: dict[str, Tensor] = {}
        self.arguments: dict[str, Any] = {}
        self._adapter = adapter
        self._layer = layer
        self._stages: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        """Return an argument of ``message`` or ``edge_update``."""
        value = self.arguments[name]
        assert isinstance(value, Tensor)
        return value

    def get(self, name: str) -> Tensor | None:
        """Return an argument of ``message`` or ``edge_update`` if it is a tensor."""
        value = self.arguments.get(name)
        return value if isinstance(value, Tensor) else None

    @property
    def target(self) -> Tensor:
        """Node that receives the message of every edge ``[E]``."""
        return self.edge_index[1 if self._layer.flow == "source_to_target" else 0]

    @property
    def num_targets(self) -> int | None:
        """Number of nodes that can receive messages, if known."""
        return self.num_nodes[1 if self._layer.flow == "source_to_target" else 0]

    def stage(self, name: str) -> Tensor:
        """Return what the adapter computes for a stage; computed once."""
        if name not in self._stages:
            self._stages[name] = getattr(self._adapter, name)(self._layer, self)
        return self._stages[name]

    def softmax(self, logit: Tensor) -> Tensor:
        """Return the softmax of ``logit`` ``[E, ...]`` over the edges of each target."""
        from torch_geometric.utils import softmax

        if not logit.size(0):
            return logit
        return softmax(logit, self.target, num_nodes=self.num_targets)  # type: ignore[no-any-return]


class MessagePassingAdapter(Adapter):
    """Observes a ``torch_geometric.nn.MessagePassing`` layer through its own hooks.

    A stage is computed by the method of its name, from the arguments of the layer's
    ``message`` and ``edge_update``: write :meth:`score` or :meth:`logit`; :meth:`weight` and
    :meth:`message` follow unless the layer does something else. Each returns ``[E, H, D]``,
    ``[E, H * D]``, or ``[E, H]`` for one number per edge and head.

    Attributes:
        submodules: parts of the layer whose output the formulas need, such as ``"lin_edge"``;
            taken when the layer computes it, in ``call.outputs``.
    """

    relies_on: ClassVar[tuple[str, ...]] = (
        "forward",
        "message",
        "edge_update",
        "message_and_aggregate",
    )
    submodules: ClassVar[tuple[str, ...]] = ()

    def score(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the vector whose sum over channels is the logit."""
        raise NotImplementedError

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what the softmax is taken of; by default the sum of the score."""
        return call.stage("score").sum(-1)

    def weight(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the attention weights, before dropout; by default the softmax of the logit."""
        return call.softmax(call.stage("logit"))

    def message(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what is summed into the target; by default what ``message`` returned."""
        return call.message

    def heads(self, layer: Layer) -> int:
        """Return the number of heads ``H``: the layer's ``heads``, or 1."""
        heads = getattr(layer, "heads", 1)
        return heads if isinstance(heads, int) else 1

    def replaces_loops(self, layer: Layer) -> bool:
        """Return whether the layer drops the input's self-loops and appends its own."""
        return getattr(layer, "add_self_loops", False) is True

    def adds_edges(self, layer: Layer) -> bool:
        """Return whether the layer adds self-loops."""
        return self.replaces_loops(layer)

    def refusal(self, layer: Layer) -> str | None:
        """Refuse inference decomposition, which computes a message in several pieces."""
        if getattr(layer, "decomposed_layers", 1) > 1:
            return "it computes each message in pieces; set decomposed_layers = 1"
        return None

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Observe ``edge_updater``, ``message`` and ``propagate``; emit after ``propagate``."""
        current: list[EdgeCall] = []

        def call() -> EdgeCall:
            if not current:
                current.append(EdgeCall(self, layer))
            return current[0]

        def enter(_: Layer, __: tuple[Any, ...]) -> None:
            current.clear()  # of what a call that raised left here

        def propagating(_: Layer, inputs: tuple[Any, ...]) -> None:
            if layer.fuse:
                _refuse_fused(layer, inputs[0])

        def edges_updated(_: Layer, inputs: tuple[Any, ...], __: Tensor) -> None:
            edge_index, _size, kwargs = inputs
            call().arguments |= _collected(layer, edge_index, kwargs)

        def messages_computed(_: Layer, inputs: tuple[Any, ...], message: Tensor) -> None:
            call().arguments |= inputs[0]
            call().message = message

        def propagated(_: Layer, inputs: tuple[Any, ...], __: Tensor) -> None:
            done = call()
            current.clear()
            done.edge_index = plain_edges(inputs[0], type(layer).__name__)
            done.num_nodes = tuple(inputs[1])
            rows = EdgeRows(done.edge_index, done.num_nodes, self.replaces_loops(layer))
            for stage in stages:
                with observing():
                    values = per_head(done.stage(stage), self.heads(layer))
                emit(stage, values, rows)

        def computed(name: str, _: Layer, __: object, output: Tensor) -> None:
            call().outputs[name] = output

        yield layer.register_forward_pre_hook(enter).remove
        yield layer.register_propagate_forward_pre_hook(propagating).remove
        yield layer.register_edge_update_forward_hook(edges_updated).remove
        yield layer.register_message_forward_hook(messages_computed).remove
        yield layer.register_propagate_forward_hook(propagated).remove
        for name in self.submodules:
            submodule = getattr(layer, name, None)
            if isinstance(submodule, nn.Module):
                yield submodule.register_forward_hook(partial(computed, name)).remove


def _collected(layer: Layer, edge_index: Tensor, kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of ``edge_update`` by edge.

    PyG's hook gives them so, unless the layer is in explanation mode; then it gives what
    ``edge_updater`` got, by node.
    """
    names = layer.inspector.get_param_names("edge_update")
    if set(kwargs) == set(names):
        return kwargs
    collected = layer._collect(layer._edge_user_args, edge_index, [None, None], kwargs)  # noqa: SLF001  (as PyG does itself)
    found: Mapping[str, Any] = layer.inspector.collect_param_data("edge_update", collected)
    return found


def _refuse_fused(layer: Layer, edge_index: object) -> None:
    """Refuse the path that computes no messages at all.

    Raises:
        InputError: if the layer is about to take it.
    """
    from torch_geometric.utils import is_sparse

    ordered = getattr(layer, "SUPPORTS_FUSED_EDGE_INDEX", False) and getattr(
        edge_index, "is_sorted_by_col", False
    )
    if is_sparse(edge_index) or ordered:
        raise InputError(
            f"{type(layer).__name__} fuses messages and their aggregation for a sorted or sparse "
            "adjacency, so no message exists to capture; set its fuse = False or pass a plain "
            "edge_index"
        )
