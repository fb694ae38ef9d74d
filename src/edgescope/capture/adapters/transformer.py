"""Sites of TransformerConv."""

import math

from torch import Tensor

from edgescope.capture.adapters.base import Layer, Stage, per_head
from edgescope.capture.adapters.edge_call import EdgeCall
from edgescope.capture.adapters.message_passing import MessagePassingAdapter


class TransformerAdapter(MessagePassingAdapter):
    """TransformerConv (Shi et al., arXiv 2009.03509): a product of query and key with the edge."""

    layer = "torch_geometric.nn.conv.transformer_conv.TransformerConv"
    refuses = ("sparse adjacency",)
    stages = {
        "score": Stage("W_q x_i * (W_k x_j + W_e e_ij) / sqrt(D)", "[E, H, D]"),
        "logit": Stage("sum_d score"),
        "weight": Stage("softmax_j(logit)", dropout="before"),
        "message": Stage("weight * (W_v x_j + W_e e_ij)", "[E, H, D]", "after"),
    }
    submodules = ("lin_edge",)
    weight_in = "message"

    def score(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Recompute the product that ``TransformerConv.message`` sums at once."""
        return call["query_i"] * self._key(layer, call) / math.sqrt(layer.out_channels)

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit in the layer's own order of operations, bit for bit."""
        product = call["query_i"] * self._key(layer, call)
        return product.sum(-1) / math.sqrt(layer.out_channels)

    def value(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``TransformerConv.message`` multiplies by the weight."""
        return self._with_edge(layer, call, call["value_j"])

    def _key(self, layer: Layer, call: EdgeCall) -> Tensor:
        return self._with_edge(layer, call, call["key_j"])

    def _with_edge(self, layer: Layer, call: EdgeCall, state: Tensor) -> Tensor:
        if "lin_edge" in call.outputs:
            state = state + per_head(call.outputs["lin_edge"], layer.heads)
        return state
