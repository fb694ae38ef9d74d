"""Sites of GATv2Conv."""

import torch.nn.functional as F
from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.head_shapes import projected_edges
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter


class GATv2Adapter(MessagePassingAdapter):
    """GATv2Conv (Brody et al., arXiv 2105.14491): the vector is summed after the LeakyReLU."""

    layer = "torch_geometric.nn.conv.gatv2_conv.GATv2Conv"
    loops = "input's removed, one added per node if add_self_loops"
    loops_option = "add_self_loops"
    refuses = ("sparse adjacency", "reversed flow between two sets of nodes")
    options = MESSAGE_PASSING | names(
        "in_channels out_channels heads concat negative_slope dropout add_self_loops edge_dim "
        "fill_value bias share_weights residual"
    )
    arguments = names("x edge_index edge_attr return_attention_weights")
    stages = {
        "score": Stage("a * LeakyReLU(W_l x_j + W_r x_i + W_e e_ij)", "[E, H, D]"),
        "logit": Stage("sum_d score"),
        "weight": Stage("softmax_j(logit)", dropout="before"),
        "message": Stage("weight * W_l x_j", "[E, H, D]", "after"),
    }
    submodules = ("lin_edge",)
    weight_in = "edge_update"
    edge_option = "edge_dim"
    remedies = names("more-heads edge-dim residual norm self-loops")

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return the features of edges, which are left out without ``edge_dim``."""
        return () if layer.edge_dim is None else ("edge_attr",)

    def score(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Recompute the vector that ``GATv2Conv.edge_update`` sums at once."""
        state = call["x_i"] + call["x_j"]
        if "lin_edge" in call.outputs:
            state = state + projected_edges(call.outputs["lin_edge"], layer)
        return F.leaky_relu(state, layer.negative_slope) * layer.att
