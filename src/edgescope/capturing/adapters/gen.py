"""Sites of GENConv."""

import torch
from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter
from edgescope.lib.errors import InputError


class GENAdapter(MessagePassingAdapter):
    """GENConv (Li et al., arXiv 2006.07739) with softmax aggregation: attention per channel.

    It has one head, whose ``D`` channels each have a softmax of their own.
    """

    layer = "torch_geometric.nn.conv.gen_conv.GENConv"
    refuses = (
        "sparse adjacency",
        "another aggregation than softmax",
        "reversed flow between two sets of nodes",
    )
    options = MESSAGE_PASSING | names(
        "in_channels out_channels aggr t learn_t p learn_p msg_norm learn_msg_scale norm "
        "num_layers expansion eps bias edge_dim"
    )
    arguments = names("x edge_index edge_attr size")
    relies_on = (*MessagePassingAdapter.relies_on, "aggregate", "explain_message")
    stages = {
        "logit": Stage("t * (ReLU(x_j + e_ij) + eps)", "[E, 1, D]"),
        "weight": Stage("softmax_j(logit), channel by channel", "[E, 1, D]"),
        "message": Stage("weight * (ReLU(x_j + e_ij) + eps)", "[E, 1, D]"),
    }

    def refusal(self, layer: Layer) -> str | None:
        """Refuse a GENConv that aggregates without attention."""
        from torch_geometric.nn.aggr import SoftmaxAggregation

        aggregation = type(layer.aggr_module)
        if aggregation is not SoftmaxAggregation:
            name = aggregation.__name__
            if name == SoftmaxAggregation.__name__:
                name = f"{name} of {aggregation.__module__}"
            return f"it aggregates by {name}, which is no attention; only softmax is"
        return super().refusal(layer)

    def floor(self, layer: Layer, stage: str, values: Tensor) -> Tensor | float:
        """Return what eps, which the layer adds behind its ReLU, comes to.

        A weight is at most 1, so a message of eps or less says no more than one at the floor.
        """
        eps = torch.full((), layer.eps, dtype=values.dtype, device=values.device)
        if stage == "logit":
            return (eps * layer.aggr_module.t).detach().abs()
        return eps if stage == "message" else 0.0

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``SoftmaxAggregation`` takes the softmax of."""
        return _vectors(layer, call) * layer.aggr_module.t

    def message(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``SoftmaxAggregation`` sums."""
        return _vectors(layer, call) * call.stage("weight")


def _vectors(layer: Layer, call: EdgeCall) -> Tensor:
    """Return what is aggregated ``[E, D]``: what ``message`` returned, under an explainer's mask.

    Raises:
        InputError: if nodes have several states each, which the layer allows.
    """
    if call.message.dim() != 2:  # noqa: PLR2004  (edges and channels)
        raise InputError(
            f"GENConv computed messages of shape {list(call.message.shape)}, not one vector per "
            "edge; give it node states [V, F] and edge features [E, F]"
        )
    if layer.explain:
        masked: Tensor = layer.explain_message(call.message, dim_size=call.num_targets)
        return masked
    return call.message
