"""Sites of HEATConv."""

import torch.nn.functional as F
from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter


class HEATAdapter(MessagePassingAdapter):
    """HEATConv (Mo et al., arXiv 2106.07161): attention that sees an edge's type and features.

    ``s`` is the embedding of the edge's type, ``e`` that of its features, each behind a LeakyReLU;
    ``W_t`` belongs to the type of the node.
    """

    layer = "torch_geometric.nn.conv.heat_conv.HEATConv"
    refuses = ("sparse adjacency",)
    options = MESSAGE_PASSING | names(
        "in_channels out_channels num_node_types num_edge_types edge_type_emb_dim edge_dim "
        "edge_attr_emb_dim heads concat negative_slope dropout root_weight bias"
    )
    arguments = names("x edge_index node_type edge_type edge_attr")
    stages = {
        "logit": Stage("LeakyReLU(a . [W_t x_i, W_t x_j, s_ij, e_ij])"),
        "weight": Stage("softmax_j(logit)", dropout="before"),
        "message": Stage("weight * W [W_t x_j, e_ij]", "[E, H, D]", "after"),
    }
    submodules = ("att", "lin")
    weight_in = "message"

    def is_static(self, layer: Layer) -> bool:
        """Return true, unless the LeakyReLU falls below zero: ``a`` is four vectors."""
        return bool(layer.negative_slope >= 0)

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return the types and the features of edges."""
        return ("edge_type", "edge_attr")

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit as ``HEATConv.message`` computes it."""
        return F.leaky_relu(call.outputs["att"], layer.negative_slope)

    def value(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``HEATConv.message`` multiplies by the weight, the same for all heads."""
        return call.outputs["lin"].unsqueeze(-2)
