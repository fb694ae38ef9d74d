"""Sites of FeaStConv."""

from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter


class FeaStAdapter(MessagePassingAdapter):
    """FeaStConv (Verma et al., arXiv 1706.05206): every edge shares itself among the heads.

    Its softmax is taken over the heads of an edge, not over the neighbours of a node: with one head
    every weight is 1. The messages of a node are averaged.
    """

    layer = "torch_geometric.nn.conv.feast_conv.FeaStConv"
    loops = "input's removed, one added per node if add_self_loops"
    loops_option = "add_self_loops"
    refuses = ("sparse adjacency", "reversed flow between two sets of nodes")
    options = MESSAGE_PASSING | names("in_channels out_channels heads add_self_loops bias")
    arguments = names("x edge_index")
    stages = {
        "logit": Stage("u_h . (x_j - x_i) + c_h"),
        "weight": Stage("softmax_h(logit), over the heads of the edge"),
        "message": Stage("sum_h weight * W_h x_j", "[E, 1, D]"),
    }
    submodules = ("u", "lin")
    weight_in = "message"
    joins_heads = True
    normalised = False

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return none: the layer takes no features of edges."""
        return ()

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit as ``FeaStConv.message`` computes it."""
        logit: Tensor = call.outputs["u"] + layer.c
        return logit

    def weight_of(self, layer: Layer, call: EdgeCall, logit: Tensor) -> Tensor:
        """Return the softmax over the heads of every edge."""
        return logit.softmax(1)

    def value(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``FeaStConv.message`` multiplies by the weight, head by head."""
        return call.outputs["lin"].view(-1, layer.heads, layer.out_channels)

    def message_of(self, layer: Layer, call: EdgeCall, weight: Tensor) -> Tensor:
        """Return the sum over the heads."""
        return super().message_of(layer, call, weight).sum(1)
