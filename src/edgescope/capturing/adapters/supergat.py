"""Sites of SuperGATConv."""

import math

import torch.nn.functional as F
from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter


class SuperGATAdapter(MessagePassingAdapter):
    """SuperGATConv (Kim and Oh, ICLR 2021), with mixed (MX) or scaled dot-product (SD) scores."""

    layer = "torch_geometric.nn.conv.supergat_conv.SuperGATConv"
    loops = "input's removed, one added per node if add_self_loops"
    loops_option = "add_self_loops"
    refuses = ("sparse adjacency",)
    options = MESSAGE_PASSING | names(
        "in_channels out_channels heads concat negative_slope dropout add_self_loops bias "
        "attention_type neg_sample_ratio edge_sample_ratio is_undirected"
    )
    arguments = names("x edge_index neg_edge_index batch")
    stages = {
        "score": Stage("W x_i * W x_j / sqrt(D); attention_type='SD' only", "[E, H, D]"),
        "logit": Stage(
            "LeakyReLU(sum_d score) (SD); "
            "LeakyReLU((a_l . W x_j + a_r . W x_i) sigmoid(W x_i . W x_j)) (MX)"
        ),
        "weight": Stage("softmax_j(logit)", dropout="before"),
        "message": Stage("weight * W x_j", "[E, H, D]", "after"),
    }
    relies_on = (*MessagePassingAdapter.relies_on, "get_attention")

    def stages_of(self, layer: Layer) -> dict[str, Stage]:
        """Leave out the score of mixed attention, which is a product of two sums."""
        return {k: v for k, v in self.stages.items() if k != "score" or _scaled(layer)}

    def score(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Recompute the product that ``SuperGATConv.get_attention`` sums at once."""
        return call["x_i"] * call["x_j"] / math.sqrt(layer.out_channels)

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit as ``SuperGATConv.get_attention`` computes it."""
        own, other = call["x_i"], call["x_j"]
        product = (own * other).sum(-1)
        if _scaled(layer):
            logit = product / math.sqrt(layer.out_channels)
        else:
            logit = (other * layer.att_l).sum(-1) + (own * layer.att_r).sum(-1)
            logit = logit * product.sigmoid()
        return F.leaky_relu(logit, layer.negative_slope)


def _scaled(layer: Layer) -> bool:
    return bool(layer.attention_type == "SD")
