"""Sites of GeneralConv."""

import torch.nn.functional as F
from torch import Tensor

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter

SLOPE = 0.2
"""Slope of ``GeneralConv``'s LeakyReLU below zero, which is written into its code."""


class GeneralAdapter(MessagePassingAdapter):
    """GeneralConv (You et al., arXiv 2011.08843) with attention: of messages, not of states.

    ``m_ij`` is the message before it is weighted; ``m_ji`` is that with both ends exchanged.
    """

    layer = "torch_geometric.nn.conv.general_conv.GeneralConv"
    refuses = (
        "sparse adjacency",
        "built without attention",
        "reversed flow between two sets of nodes",
    )
    relies_on = (*MessagePassingAdapter.relies_on, "message_basic")
    options = MESSAGE_PASSING | names(
        "in_channels out_channels in_edge_channels skip_linear directed_msg heads attention "
        "attention_type l2_normalize bias"
    )
    arguments = names("x edge_index edge_attr size")
    stages = {
        "score": Stage("a * m_ij (additive); m_ij * m_ji / sqrt(D) (dot_product)", "[E, H, D]"),
        "logit": Stage("LeakyReLU(sum_d score)"),
        "weight": Stage("softmax_j(logit)"),
        "message": Stage(
            "weight * m_ij, m_ij = W x_j + W_e e_ij, and + W_i x_i if not directed_msg",
            "[E, H, D]",
        ),
    }
    submodules = ("lin_msg", "lin_msg_i", "lin_edge")
    weight_in = "message"
    edge_option = "in_edge_channels"

    def refusal(self, layer: Layer) -> str | None:
        """Refuse a GeneralConv without attention."""
        if not layer.attention:
            return "it is built without attention; build it with attention=True"
        return super().refusal(layer)

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return the features of edges, if it is built for any."""
        return () if layer.in_edge_channels is None else ("edge_attr",)

    def score(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Recompute the product that ``GeneralConv.message`` sums at once."""
        product = _product(layer, call)
        return product / layer.scaler if layer.attention_type == "dot_product" else product

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return the logit in the layer's own order of operations, bit for bit."""
        logit = _product(layer, call).sum(-1)
        if layer.attention_type == "dot_product":
            logit = logit / layer.scaler
        return F.leaky_relu(logit, SLOPE)

    def logit_of(self, layer: Layer, score: Tensor) -> Tensor:
        """Return the LeakyReLU of the sum."""
        return F.leaky_relu(score.sum(-1), SLOPE)

    def value(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``GeneralConv.message`` multiplies by the weight."""
        return _unweighted(layer, call, 0)


def _product(layer: Layer, call: EdgeCall) -> Tensor:
    """Return what is summed over channels ``[E, H, D]``."""
    own = _unweighted(layer, call, 0)
    if layer.attention_type == "dot_product":
        return _unweighted(layer, call, 1) * own
    product: Tensor = own * layer.att_msg
    return product


def _unweighted(layer: Layer, call: EdgeCall, number: int) -> Tensor:
    """Return what a call of ``message_basic`` gave ``[E, H, D]``: the second has ends exchanged."""
    found = call.returned["lin_msg"][number]
    for name in ("lin_msg_i", "lin_edge"):
        if name in call.returned:
            found = found + call.returned[name][number]
    return found.view(-1, layer.heads, layer.out_channels)
