"""Sites of AGNNConv."""

from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter


class AGNNAdapter(MessagePassingAdapter):
    """AGNNConv (Thekumparampil et al., arXiv 1803.03735): a cosine, with one learnt factor."""

    layer = "torch_geometric.nn.conv.agnn_conv.AGNNConv"
    loops = "input's removed, one added per node if add_self_loops"
    loops_option = "add_self_loops"
    refuses = ("sparse adjacency",)
    options = MESSAGE_PASSING | names("requires_grad add_self_loops")
    arguments = names("x edge_index")
    stages = {
        "score": Stage("beta * x_i / |x_i| * x_j / |x_j|", "[E, 1, D]"),
        "logit": Stage("sum_d score", "[E, 1, 1]"),
        "weight": Stage("softmax_j(logit)", "[E, 1, 1]"),
        "message": Stage("weight * x_j", "[E, 1, D]"),
    }
    weight_in = "message"

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return none: the layer takes no features of edges."""
        return ()

    def score(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Recompute the product that ``AGNNConv.message`` sums at once."""
        return layer.beta * (call["x_norm_i"] * call["x_norm_j"])

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit in the layer's own order of operations, bit for bit."""
        product: Tensor = layer.beta * (call["x_norm_i"] * call["x_norm_j"]).sum(-1)
        return product

    def value(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``AGNNConv.message`` multiplies by the weight."""
        return call["x_j"]
