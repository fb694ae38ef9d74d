"""Sites of TransformerConv."""

import math

from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.head_shapes import projected_edges
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter


class TransformerAdapter(MessagePassingAdapter):
    """TransformerConv (Shi et al., arXiv 2009.03509): a product of query and key with the edge."""

    layer = "torch_geometric.nn.conv.transformer_conv.TransformerConv"
    refuses = ("sparse adjacency", "reversed flow between two sets of nodes")
    options = MESSAGE_PASSING | names(
        "in_channels out_channels heads concat beta dropout edge_dim bias root_weight"
    )
    arguments = names("x edge_index edge_attr return_attention_weights")
    stages = {
        "score": Stage("W_q x_i * (W_k x_j + W_e e_ij) / sqrt(D)", "[E, H, D]"),
        "logit": Stage("sum_d score"),
        "weight": Stage("softmax_j(logit)", dropout="before"),
        "message": Stage(
            "weight * (W_v x_j + W_e e_ij); e_ij as it is without edge_dim", "[E, H, D]", "after"
        ),
    }
    submodules = ("lin_edge",)
    weight_in = "message"
    kept_weight = "_alpha"
    edge_option = "edge_dim"
    remedies = frozenset({"more-heads", "edge-dim", "norm"})

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return the features of edges: without ``edge_dim`` they are added to the values."""
        return ("edge_attr",)

    def ranks_by_edges(self, layer: Layer) -> bool:
        """Return whether features are added to the keys as well."""
        return layer.edge_dim is not None

    def score(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Recompute the product that ``TransformerConv.message`` sums at once."""
        return call["query_i"] * self._key(layer, call) / math.sqrt(layer.out_channels)

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit in the layer's own order of operations, bit for bit."""
        product = call["query_i"] * self._key(layer, call)
        return product.sum(-1) / math.sqrt(layer.out_channels)

    def value(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``TransformerConv.message`` multiplies by the weight.

        Without ``edge_dim`` there is no projection: the layer adds features to the values as they
        are, if it is given any, and not to the keys.
        """
        edge = self._edge(layer, call)
        edge = call.get("edge_attr") if edge is None else edge
        return call["value_j"] if edge is None else call["value_j"] + edge

    def _key(self, layer: Layer, call: EdgeCall) -> Tensor:
        edge = self._edge(layer, call)
        return call["key_j"] if edge is None else call["key_j"] + edge

    def _edge(self, layer: Layer, call: EdgeCall) -> Tensor | None:
        if "lin_edge" not in call.outputs:
            return None
        return projected_edges(call.outputs["lin_edge"], layer)
