"""The hooks of a message-passing layer: what it computes in a call.

One call of a message-passing layer, as its adapter sees it.

The hooks of a message-passing layer that tell what it computes in a call.
"""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from edgescope.capturing.adapters.adapter import Layer, Remove, bound_arguments, per_head
from edgescope.capturing.adapters.layer_options import check_arguments
from edgescope.capturing.graph_input import plain_edges
from edgescope.lib.errors import InputError

if TYPE_CHECKING:
    from edgescope.capturing.adapters.message_passing import MessagePassingAdapter


class EdgeCall:
    """One call of a message-passing layer, seen from its edges.

    ``call["x_j"]`` is an argument of ``message`` or ``edge_update``; ``call.get`` gives ``None``
    where there is no such argument.

    Attributes:
        edge_index: source and target of every edge ``[2, E]``, as the layer saw them.
        given: the edges that the layer was called with ``[2, M]``, where it may replace loops.
        num_nodes: number of source and of target nodes, where known.
        message: what ``message`` returned.
        own_weight: the weights as the layer itself gives them, before dropout, where it does.
        outputs: what the submodules named by the adapter returned.

    Example:
        >>> from edgescope.capturing import MessagePassingAdapter, Stage
        >>> class MyAdapter(MessagePassingAdapter):
        ...     layer = "my_package.MyLayer"
        ...     stages = {"score": Stage("x_i * x_j", "[E, 1, D]")}
        ...     def score(self, layer, call):  # call is an EdgeCall
        ...         return (call["x_i"] * call["x_j"]).unsqueeze(1)
    """

    def __init__(self, adapter: "MessagePassingAdapter", layer: Layer) -> None:
        self.edge_index = torch.empty(0)
        self.given: Tensor | None = None
        self.num_nodes: tuple[int | None, int | None] = (None, None)
        self.message = torch.empty(0)
        self.own_weight: Tensor | None = None
        self.outputs: dict[str, Tensor] = {}
        self.arguments: dict[str, Any] = {}
        self._adapter = adapter
        self._layer = layer
        self._stages: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        """Return an argument of ``message`` or ``edge_update``.

        Raises:
            InputError: if there is no such argument, or it is no tensor.
        """
        value = self.arguments.get(name)
        if not isinstance(value, Tensor):
            tensors = [key for key, each in self.arguments.items() if isinstance(each, Tensor)]
            raise InputError(
                f"message and edge_update of {type(self._layer).__name__} have no tensor {name!r}; "
                f"they have {', '.join(tensors)}"
            )
        return value

    def get(self, name: str) -> Tensor | None:
        """Return an argument of ``message`` or ``edge_update`` if it is a tensor."""
        value = self.arguments.get(name)
        return value if isinstance(value, Tensor) else None

    @property
    def target_row(self) -> int:
        """Row of ``edge_index`` that holds the nodes that receive messages."""
        return 1 if self._layer.flow == "source_to_target" else 0

    @property
    def target(self) -> Tensor:
        """Node that receives the message of every edge ``[E]``."""
        return self.edge_index[self.target_row]

    @property
    def num_targets(self) -> int | None:
        """Number of nodes that can receive messages, if known."""
        return self.num_nodes[self.target_row]

    def stage(self, name: str) -> Tensor:
        """Return what the adapter computes for a stage; computed once."""
        if name not in self._stages:
            self._stages[name] = getattr(self._adapter, name)(self._layer, self)
        return self._stages[name]

    def per_head(self, values: Tensor) -> Tensor:
        """View values of the edges as ``[E, H, D]``.

        Raises:
            InputError: if they are not one row per edge, or cannot be divided among the heads.
        """
        edges = self.edge_index.size(1)
        if not values.dim() or len(values) != edges:
            raise InputError(
                f"received values of shape {list(values.shape)} for {edges} edges, expected one "
                "row per edge; the features of the edges may have another number of rows"
            )
        return per_head(values, self._adapter.heads(self._layer))

    def softmax(self, logit: Tensor) -> Tensor:
        """Return the softmax of ``logit`` ``[E, ...]`` over the edges of each target."""
        from torch_geometric.utils import softmax

        if not logit.size(0):
            return logit
        return softmax(logit, self.target, num_nodes=self.num_targets)


class LayerHooks:
    """Gathers the arguments and intermediate results of each call of a layer.

    A method that returns a tensor puts it in the place of what the layer has computed.

    Args:
        adapter: knows the formulas of the layer.
        layer: the layer.
    """

    def __init__(self, adapter: "MessagePassingAdapter", layer: Layer) -> None:
        self._adapter = adapter
        self._layer = layer
        self._call = EdgeCall(adapter, layer)

    def hook(self) -> Iterator[Remove]:
        """Hook the layer, giving what removes each hook."""
        layer = self._layer
        yield layer.register_forward_pre_hook(self._enter, with_kwargs=True).remove
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
            _refuse_two_sets(layer, args, kwargs)
        if self._adapter.replaces_loops(layer):
            self._call.given = _given_edges(layer, args, kwargs)

    def _propagating(self, _: Layer, inputs: tuple[Any, ...]) -> None:
        if self._layer.fuse:
            _refuse_fused(self._layer, inputs[0])

    def _edges_updated(self, _: Layer, inputs: tuple[Any, ...], __: Tensor) -> Tensor | None:
        edge_index, _size, kwargs = inputs
        self._call.arguments |= _collected(self._layer, edge_index, kwargs)
        return None

    def _messages_computed(self, _: Layer, inputs: tuple[Any, ...], __: Tensor) -> Tensor | None:
        self._call.arguments |= inputs[0]
        return None

    def _computed(self, name: str, _: Layer, __: object, output: Tensor) -> None:
        self._call.outputs[name] = output


def check_alike(layer: Layer, what: str, own: Tensor, found: Tensor) -> None:
    """Refuse what a formula gives where the layer has computed something else itself.

    Both are computed in the same way from the same numbers, so they differ by rounding at most:
    by less than the root of the machine's precision times the largest of them.

    Args:
        layer: the layer.
        what: what they are, for the message.
        own: what the layer has computed ``[E, ...]``.
        found: what the formula gives, in any shape of as many numbers.

    Raises:
        InputError: if they are not alike.
    """
    own, found = own.detach().flatten(), found.detach().flatten().to(own.dtype)
    if own.shape == found.shape and torch.equal(own, found):
        return
    finite = own[own.isfinite()]
    largest = finite.abs().max().item() if len(finite) else 0.0
    precision = math.sqrt(torch.finfo(own.dtype).eps)
    if own.shape != found.shape or not torch.allclose(
        own, found, rtol=0.0, atol=precision * largest, equal_nan=True
    ):
        raise InputError(
            f"the {what} of {type(layer).__name__} are not what edgescope's formula for it gives; "
            "another edit or hook may change them, or its package may be of a version that "
            "edgescope does not know; put all edits into one function, or leave the layer out with "
            "sites="
        )


def _refuse_two_sets(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse the reversed flow between two sets of nodes, which PyG's layers read in two ways.

    PyG 2.8 looks up the first set by the second row of ``edge_index``, and in explanation mode by
    the first; most layers return as many nodes as there are in the set that is attended to.

    Raises:
        InputError: if the layer is called with two sets.
    """
    match bound_arguments(layer, args, kwargs).get("x"):
        case (first, second) if first is not second:
            raise InputError(
                f"{type(layer).__name__} has flow='target_to_source' and is given two sets of "
                "nodes, of which PyG does not say which end of an edge is in which; build it "
                "without flow and give it edge_index.flip(0)"
            )


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
