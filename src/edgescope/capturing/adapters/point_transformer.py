"""Sites of PointTransformerConv."""

from torch import Tensor, nn

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter


class PointTransformerAdapter(MessagePassingAdapter):
    """PointTransformerConv (Zhao et al., arXiv 2012.09164): attention per channel between points.

    It has one head, whose ``D`` channels each have a softmax of their own.
    """

    layer = "torch_geometric.nn.conv.point_transformer_conv.PointTransformerConv"
    loops = "input's removed, one added per node if add_self_loops"
    loops_option = "add_self_loops"
    refuses = (
        "sparse adjacency",
        "reversed flow between two sets of nodes",
        "networks that are no modules of their own",
    )
    options = MESSAGE_PASSING | names("in_channels out_channels pos_nn attn_nn add_self_loops")
    arguments = names("x pos edge_index")
    stages = {
        "logit": Stage(
            "attn_nn(W_t x_i - W_s x_j + d_ij), d_ij = pos_nn(p_i - p_j); attn_nn may be left out",
            "[E, 1, D]",
        ),
        "weight": Stage("softmax_j(logit), channel by channel", "[E, 1, D]"),
        "message": Stage("weight * (W x_j + d_ij)", "[E, 1, D]"),
    }
    submodules = ("pos_nn", "attn_nn")
    weight_in = "message"

    def refusal(self, layer: Layer) -> str | None:
        """Refuse networks whose output no hook can tell."""
        networks = [layer.pos_nn] if layer.attn_nn is None else [layer.pos_nn, layer.attn_nn]
        for name, network in zip(("pos_nn", "attn_nn"), networks, strict=False):
            if not isinstance(network, nn.Module):
                return f"its {name} is a function, which takes no hook; make it a torch.nn.Module"
        first, *others = networks
        inside = [set(network.modules()) for network in networks]
        if others and (first in inside[1] or others[0] in inside[0]):
            return "its pos_nn and attn_nn are one, or one is part of the other; make them two"
        return super().refusal(layer)

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return none: what an edge is follows from the positions of its ends."""
        return ()

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit as ``PointTransformerConv.message`` computes it."""
        if layer.attn_nn is not None:
            return call.outputs["attn_nn"]
        return call["alpha_i"] - call["alpha_j"] + call.outputs["pos_nn"]

    def value(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``PointTransformerConv.message`` multiplies by the weights."""
        return call["x_j"] + call.outputs["pos_nn"]

    def message_of(self, layer: Layer, call: EdgeCall, weight: Tensor) -> Tensor:
        """Return the product, channel by channel."""
        return weight * self.value(layer, call)
