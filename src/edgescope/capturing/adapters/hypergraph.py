"""Sites of HypergraphConv."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from edgescope.capturing.adapters.adapter import Emit, Layer, Remove, Stage, names, observing
from edgescope.capturing.adapters.edge_call import EdgeCall, check_alike
from edgescope.capturing.adapters.message_hooks import LayerHooks
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter
from edgescope.capturing.edge_rows import EdgeRows
from edgescope.capturing.graph_input import plain_edges

PASSES = 2
"""The layer passes messages twice: from nodes to hyperedges, and back with the same weights."""


class HypergraphAdapter(MessagePassingAdapter):
    """HypergraphConv (Bai et al., arXiv 1901.08150) with attention; a row is an incidence.

    Its source and target are a node ``v`` and a hyperedge ``e``. With ``attention_mode="node"`` a
    hyperedge attends to its nodes, and the message is what it receives; with ``"edge"`` a node
    attends to its hyperedges. The way there or back that is no site takes the same weights.
    """

    layer = "torch_geometric.nn.conv.hypergraph_conv.HypergraphConv"
    refuses = ("built without attention", "batches that number hyperedges as nodes")
    options = MESSAGE_PASSING | names(
        "in_channels out_channels use_attention attention_mode heads concat negative_slope "
        "dropout bias"
    )
    arguments = names("x hyperedge_index hyperedge_weight hyperedge_attr num_edges")
    stages = {
        "score": Stage("a * [W x_v, W x_e]", "[E, H, 2 * D]"),
        "logit": Stage("LeakyReLU(sum_d score)"),
        "weight": Stage(
            "softmax_v(logit) over the nodes of e (node); softmax_e(logit) over the hyperedges "
            "of v (edge)",
            dropout="before",
        ),
        "message": Stage(
            "weight * W x_v / |e| (node); weight * h_e / d_v, h_e what e received (edge)",
            "[E, H, D]",
            "after",
        ),
    }
    relies_on = ("forward", "message")
    submodules = ("lin",)

    def refusal(self, layer: Layer) -> str | None:
        """Refuse a HypergraphConv without attention."""
        if not layer.use_attention:
            return "it is built without attention; build it with use_attention=True"
        return super().refusal(layer)

    def two_sets(self, layer: Layer) -> bool:
        """Return true: nodes and hyperedges are numbered each on their own."""
        return True

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return none: the features are of hyperedges, one end of a row, as nodes have them."""
        return ()

    def score(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Recompute the product that ``HypergraphConv.forward`` sums at once."""
        both = (each.view(-1, layer.heads, layer.out_channels) for each in call.returned["lin"])
        ends = [states[end] for states, end in zip(both, call.edge_index, strict=True)]
        score: Tensor = torch.cat(ends, dim=-1) * layer.att
        return score

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit as ``HypergraphConv.forward`` computes it."""
        return F.leaky_relu(call.stage("score").sum(-1), layer.negative_slope)

    def weight_of(self, layer: Layer, call: EdgeCall, logit: Tensor) -> Tensor:
        """Return the softmax over the rows of a hyperedge, or of a node."""
        from torch_geometric.utils import softmax

        end = target_row(layer)
        if not logit.size(0):
            return logit
        return softmax(logit, call.edge_index[end], num_nodes=call.num_nodes[end])

    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Gather what the layer computes on both ways; emit when it is done."""
        return _Incidences(self, layer, tuple(stages), emit).hook()


def target_row(layer: Layer) -> int:
    """Return which row of ``hyperedge_index`` attends: 1, the hyperedges, or 0, the nodes."""
    return 1 if layer.attention_mode == "node" else 0


class _Incidences(LayerHooks):
    """Gathers what one layer's hooks tell of a call, and emits its stages."""

    def __init__(
        self, adapter: HypergraphAdapter, layer: Layer, stages: tuple[str, ...], emit: Emit
    ) -> None:
        super().__init__(adapter, layer)
        self._stages = stages
        self._emit = emit
        self._passed = 0

    def hook(self) -> Iterator[Remove]:
        """Hook the layer, giving what removes each hook."""
        yield from super().hook()
        yield self._layer.register_forward_hook(self._left).remove

    def _enter(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super()._enter(layer, args, kwargs)
        self._passed = 0

    def _propagating(self, layer: Layer, inputs: tuple[Any, ...]) -> None:
        super()._propagating(layer, inputs)
        self._passed += 1
        if self._passed == 1:
            self._call.edge_index = plain_edges(inputs[0], type(layer).__name__)
            self._call.num_nodes = tuple(inputs[1])

    def _messages_computed(self, layer: Layer, inputs: tuple[Any, ...], message: Tensor) -> None:
        if self._passed == (1 if target_row(layer) else PASSES):
            self._call.message = message
        arguments: Mapping[str, Any] = inputs[0]
        drops = layer.training and layer.dropout
        self._call.own_weight = None if drops else arguments["alpha"]

    def _left(self, *_: object) -> None:
        call, self._call = self._call, EdgeCall(self._adapter, self._layer)
        row = target_row(self._layer)
        rows = EdgeRows(call.edge_index, call.num_nodes, target_row=row, two_sets=True)
        for stage in self._stages:
            with observing():
                if stage == "weight" and call.own_weight is not None:
                    check_alike(self._layer, "weights", call.own_weight, call.stage(stage))
                values = call.per_head(call.stage(stage), stage)
            self._emit(stage, values, rows)
