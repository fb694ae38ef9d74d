"""Sites of GATConv."""

import torch.nn.functional as F
from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.head_shapes import projected_edges
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter


class GATAdapter(MessagePassingAdapter):
    """GATConv (Velickovic et al., arXiv 1710.10903): the logit is a sum of three numbers."""

    layer = "torch_geometric.nn.conv.gat_conv.GATConv"
    loops = "input's removed, one added per node if add_self_loops"
    loops_option = "add_self_loops"
    refuses = ("sparse adjacency", "reversed flow between two sets of nodes")
    options = MESSAGE_PASSING | names(
        "in_channels out_channels heads concat negative_slope dropout add_self_loops edge_dim "
        "fill_value bias residual"
    )
    arguments = names("x edge_index edge_attr size return_attention_weights")
    stages = {
        "logit": Stage("LeakyReLU(a_s . W x_j + a_t . W x_i + a_e . W_e e_ij)"),
        "weight": Stage("softmax_j(logit)", dropout="before"),
        "message": Stage("weight * W x_j", "[E, H, D]", "after"),
    }
    submodules = ("lin_edge",)
    weight_in = "edge_update"
    edge_option = "edge_dim"
    dynamic = "torch_geometric.nn.GATv2Conv"
    remedies = names("gatv2 more-heads edge-dim residual norm self-loops")

    def is_static(self, layer: Layer) -> bool:
        """Return true, unless the LeakyReLU falls below zero."""
        return bool(layer.negative_slope >= 0)

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return the features of edges, which are left out without ``edge_dim``."""
        return () if layer.edge_dim is None else ("edge_attr",)

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit as ``GATConv.edge_update`` computes it."""
        logit, own = call["alpha_j"], call.get("alpha_i")
        if own is not None:
            logit = logit + own
        if "lin_edge" in call.outputs:
            edge = projected_edges(call.outputs["lin_edge"], layer)
            logit = logit + (edge * layer.att_edge).sum(-1)
        return F.leaky_relu(logit, layer.negative_slope)
