"""Sites of ResGatedGraphConv."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgescope.capturing.adapters.adapter import Layer, Stage, names
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MESSAGE_PASSING, MessagePassingAdapter

_FUNCTIONS = (torch.sigmoid, torch.tanh, torch.relu, F.sigmoid, F.tanh, F.relu, F.silu, F.gelu)
"""Gates that always give the same for the same."""

_RANDOM = (nn.RReLU, nn.MultiheadAttention)
"""What stands among torch's activations and is no function of its input alone."""


class ResGatedAdapter(MessagePassingAdapter):
    """ResGatedGraphConv (Bresson and Laurent, arXiv 1711.07553): a gate per edge and channel.

    The gates of a node's edges do not add up to one. It has one head.
    """

    layer = "torch_geometric.nn.conv.res_gated_graph_conv.ResGatedGraphConv"
    refuses = (
        "sparse adjacency",
        "reversed flow between two sets of nodes",
        "a gate that is no activation of torch",
    )
    options = MESSAGE_PASSING | names("in_channels out_channels act edge_dim root_weight bias")
    arguments = names("x edge_index edge_attr")
    stages = {
        "logit": Stage("W_3 [x_i, e_ij] + W_4 [x_j, e_ij]", "[E, 1, D]"),
        "weight": Stage("act(logit), by default a sigmoid; not normalised", "[E, 1, D]"),
        "message": Stage("weight * W_2 [x_j, e_ij]", "[E, 1, D]"),
    }
    submodules = ("lin_key", "lin_query", "lin_value")
    weight_in = "message"
    edge_option = "edge_dim"
    normalised = False

    def refusal(self, layer: Layer) -> str | None:
        """Refuse a gate that may be random, or may keep something from one call to the next."""
        act = layer.act
        if not (_is_activation(act) or any(act is each for each in _FUNCTIONS)):
            return (
                f"its gate act={act!r} is no activation of torch, so whether it gives the same a "
                "second time is not known; use one such as torch.nn.Sigmoid()"
            )
        return super().refusal(layer)

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return the features of edges, if it is built for any."""
        return () if layer.edge_dim is None else ("edge_attr",)

    def logit(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``ResGatedGraphConv.message`` takes the gate of."""
        return _projected(layer, call, "k_i", "lin_key") + _projected(
            layer, call, "q_j", "lin_query"
        )

    def weight_of(self, layer: Layer, call: EdgeCall, logit: Tensor) -> Tensor:
        """Return the gate of every channel.

        A module is asked without its hooks, which are the user's. The default is one that all
        layers share, so that what it returned cannot be taken from a hook.
        """
        gate = layer.act.forward if isinstance(layer.act, nn.Module) else layer.act
        found: Tensor = gate(logit.clone())  # which it may overwrite
        return found

    def value(self, layer: Layer, call: EdgeCall) -> Tensor:
        """Return what ``ResGatedGraphConv.message`` multiplies by the gate."""
        return _projected(layer, call, "v_j", "lin_value")

    def message_of(self, layer: Layer, call: EdgeCall, weight: Tensor) -> Tensor:
        """Return the product, channel by channel."""
        return weight * self.value(layer, call)


def _projected(layer: Layer, call: EdgeCall, name: str, part: str) -> Tensor:
    """Return keys, queries or values: with features of edges they are projected edge by edge."""
    return call[name] if layer.edge_dim is None else call.outputs[part]


def _is_activation(act: object) -> bool:
    of_torch = type(act).__module__ == "torch.nn.modules.activation"
    return of_torch and isinstance(act, nn.Module) and not isinstance(act, _RANDOM)
