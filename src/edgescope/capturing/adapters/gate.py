"""Sites of GATEConv, the first layer of AttentiveFP."""

import torch.nn.functional as F
from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter


class GATEAdapter(MessagePassingAdapter):
    """GATEConv, the edge-aware layer of AttentiveFP (Xiong et al. 2020); it has one head."""

    layer = "torch_geometric.nn.models.attentive_fp.GATEConv"
    refuses = ("sparse adjacency",)
    options = MESSAGE_PASSING | names("in_channels out_channels edge_dim dropout")
    arguments = frozenset({"x", "edge_index", "edge_attr"})
    stages = {
        "logit": Stage("LeakyReLU(a_l . LeakyReLU(W_1 [x_j, e_ij]) + a_r . x_i)", "[E, 1, 1]"),
        "weight": Stage("softmax_j(logit)", "[E, 1, 1]", "before"),
        "message": Stage("weight * W_2 x_j", "[E, 1, D]", "after"),
    }

    submodules = ("lin1",)

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit as ``GATEConv.edge_update`` computes it."""
        # The layer applies its inner LeakyReLU to what lin1 returned in place.
        state = call.outputs["lin1"]
        logit = (state @ layer.att_l.t()).squeeze(-1) + (call["x_i"] @ layer.att_r.t()).squeeze(-1)
        return F.leaky_relu(logit)
